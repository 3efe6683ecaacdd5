"""Postal codes and carriers."""

from config.settings.base import env

SHIPPING_QUOTE_MINUTES = 30
# What looks up the street of a postal code: ViaCEP, and BrasilAPI if that is away or does not know it, or compatible
# APIs. Empty: not asked. If both are, only the state is known.
POSTAL_CODE_API_BASE = env.str("POSTAL_CODE_API_BASE", default="https://viacep.com.br")
POSTAL_CODE_SECOND_API_BASE = env.str("POSTAL_CODE_SECOND_API_BASE", default="https://brasilapi.com.br")
# The origin of all parcels.
SHIPPING_FROM_POSTAL_CODE = env.str("SHIPPING_FROM_POSTAL_CODE", default="01001000")
# The carrier whose prices replace the rate table's (https://melhorenvio.com.br, or a compatible API). Empty: none.
MELHOR_ENVIO_API_BASE = env.str("MELHOR_ENVIO_API_BASE", default="")
MELHOR_ENVIO_TOKEN = env.str("MELHOR_ENVIO_TOKEN", default="")
# Melhor Envio requires a contact address, for problems with our calls.
MELHOR_ENVIO_CONTACT = env.str("MELHOR_ENVIO_CONTACT", default="")
# Signs its webhooks: the secret of the application there. Empty: they are refused, and labels are only asked about.
MELHOR_ENVIO_SECRET = env.str("MELHOR_ENVIO_SECRET", default="")
# The ids of its services to offer: 1,2. Empty: all that take the parcel.
MELHOR_ENVIO_SERVICES = env.list("MELHOR_ENVIO_SERVICES", default=[])
# The longest that a shopper waits for a carrier.
CARRIER_SECONDS = env.float("CARRIER_SECONDS", default=1.5)
# The longest that staff wait for each step of a label.
LABEL_SECONDS = env.float("LABEL_SECONDS", default=10.0)
