"""Postal codes and carriers."""

from config.settings.base import env

SHIPPING_QUOTE_MINUTES = 30
# Finds the street behind a postal code (https://viacep.com.br, or what speaks like it). Empty: only the state is known.
POSTAL_CODE_API_BASE = env.str("POSTAL_CODE_API_BASE", default="")
# Where parcels leave from.
SHIPPING_FROM_POSTAL_CODE = env.str("SHIPPING_FROM_POSTAL_CODE", default="01001000")
# The carrier whose prices replace the rate table's (https://melhorenvio.com.br, or what speaks like it). Empty: none.
MELHOR_ENVIO_API_BASE = env.str("MELHOR_ENVIO_API_BASE", default="")
MELHOR_ENVIO_TOKEN = env.str("MELHOR_ENVIO_TOKEN", default="")
# An address that its people can write to when our calls trouble them: a condition of theirs.
MELHOR_ENVIO_CONTACT = env.str("MELHOR_ENVIO_CONTACT", default="")
# The ids of its services to offer: 1,2. Empty: every one that carries the parcel.
MELHOR_ENVIO_SERVICES = env.list("MELHOR_ENVIO_SERVICES", default=[])
# How long a shopper waits for a carrier, at most.
CARRIER_SECONDS = env.float("CARRIER_SECONDS", default=1.5)
