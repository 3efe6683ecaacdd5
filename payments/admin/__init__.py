"""Money in the admin: payments, attempts, refunds, disputes, unmatched charges, and the provider's webhook events.

Money is moved only by the buttons on an order's page. Here all is read-only, apart from a note on what was done.
"""

from payments.admin import attempts as attempts
from payments.admin import disputes as disputes
from payments.admin import payments as payments
from payments.admin import refunds as refunds
from payments.admin import unmatched_charges as unmatched_charges
from payments.admin import webhook_events as webhook_events
