"""Settings, read from the environment.

Each server that the shop talks to is a URL in the environment. `make demo` provides missing ones: it writes the
addresses of its embedded servers to `<data>/servers.env`. A variable that is already set wins.
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
from config.settings.retention import *
from config.settings.security import *
from config.settings.shipping import *
from config.settings.shop import *
from config.settings.telemetry import *
from config.settings.text import *
