"""Settings, read from the environment.

Every server the shop talks to is one URL in the environment. Where a URL is missing, the embedded servers of
`make demo` fill it in: they write their addresses to `<data>/servers.env`, and a variable that is already set wins.
"""

from config.settings.base import *
from config.settings.celery import *
from config.settings.files import *
from config.settings.mail import *
from config.settings.payments import *
from config.settings.people import *
from config.settings.postgresql import *
from config.settings.redis import *
from config.settings.rest import *
from config.settings.security import *
from config.settings.shipping import *
from config.settings.shop import *
from config.settings.telemetry import *
from config.settings.text import *
