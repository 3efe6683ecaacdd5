"""Static files, product images, and the CDN in front of them."""

from typing import Any

from config.settings.base import BASE_DIR, DATA_DIR, DEBUG, DEMO, env

# A CDN in front of static files and images (https://d123.cloudfront.net). Empty: this server serves them.
ASSETS_URL = env.str("ASSETS_URL", default="").rstrip("/")
STATIC_URL = f"{ASSETS_URL}/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
MEDIA_URL = f"{ASSETS_URL}/media/"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# The S3 bucket for uploaded images, served by the CDN in ASSETS_URL. Empty: a local folder.
MEDIA_BUCKET = env.str("MEDIA_BUCKET", default="")
if MEDIA_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_BUCKET,
            "location": "media",
            "custom_domain": ASSETS_URL.removeprefix("https://"),
            "querystring_auth": False,
            "file_overwrite": False,
            "object_parameters": {"CacheControl": "public, max-age=31536000, immutable"},
        },
    }
# Without collectstatic (demo, tests) whitenoise serves files straight from the apps.
if env.bool("STATIC_FROM_APPS", default=DEMO or DEBUG):
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    STATIC_ROOT = None
    WHITENOISE_USE_FINDERS = True
    WHITENOISE_AUTOREFRESH = DEBUG
