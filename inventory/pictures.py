"""Drawings for products without a photograph: small SVGs, deterministic by category and SKU.

The SKU's first word selects the motif (`CANECA-AGATA-AZUL` is a mug), else the category does. A colour in the SKU
selects the palette, else a hash does. Each drawing has its own background, to look the same on light and dark pages.
"""

from hashlib import blake2b
from pathlib import Path

from django.urls import reverse

NO_CATEGORY = "outros"

# Background, its darker shape, main colour, shade, accent, light.
PALETTES = (
    ("#f3e3d3", "#ead0b5", "#b5532f", "#8c3b1f", "#e9a23b", "#fff6ea"),
    ("#dde8e4", "#c5d8d0", "#2f6f62", "#1f4f46", "#e8b04a", "#f7fbf8"),
    ("#dfe6f1", "#c7d4e8", "#31578f", "#213f6d", "#e58f6b", "#f6f9fd"),
    ("#f4dede", "#eac6c6", "#a63d55", "#7c2a3f", "#f0b75c", "#fff4f2"),
    ("#ece6d4", "#dcd2b3", "#6f6b33", "#504d22", "#c9603c", "#fbf8ec"),
    ("#e6e0ee", "#d3c8e2", "#6a4b8f", "#4b336a", "#e3a44f", "#f8f5fc"),
    ("#d9e9ee", "#bddae3", "#1f7188", "#155061", "#f0a45d", "#f3fafc"),
    ("#f5e6c8", "#ecd4a0", "#c07a1c", "#8f5810", "#3f7d6e", "#fff9ec"),
)

# Shapes behind the product. Letters are colours: {a} main, {b} shade, {c} accent, {d} light, {e} the darker background.
SCENES = (
    '<circle cx="200" cy="190" r="138" fill="{e}"/>',
    '<path d="M78 320V190a122 122 0 0 1 244 0v130z" fill="{e}"/>',
    '<path d="M0 250q100-70 200-20t200-30v200H0z" fill="{e}"/>',
    '<rect x="70" y="66" width="260" height="254" rx="34" fill="{e}"/>',
)

# One SVG fragment per file, for a 400 × 400 square, with the same colour letters.
MOTIFS = {
    path.stem: path.read_text("utf-8").replace("\n", "") for path in (Path(__file__).parent / "drawings").glob("*.svg")
}

# First word of a SKU → motif.
BY_FIRST_WORD = {
    "CAFE": "pouch", "CHA": "pouch", "CANECA": "mug", "XICARA": "mug", "PANELA": "pot", "CACAROLA": "pot",
    "CHALEIRA": "kettle", "BULE": "kettle", "PRATO": "plates", "TIGELA": "plates", "MEL": "jar", "GELEIA": "jar",
    "DOCE": "jar", "AZEITE": "bottle", "VINAGRE": "bottle", "SUCO": "bottle", "FARINHA": "sack", "CASTANHA": "sack",
    "TOALHA": "towels", "ALMOFADA": "pillow", "LENCOL": "bed", "COLCHA": "bed", "MANTA": "towels", "REDE": "hammock",
    "VASO": "vase", "VELA": "candle", "QUADRO": "frame", "CESTO": "basket", "CAMISETA": "shirt", "CAMISA": "shirt",
    "BOLSA": "tote", "SACOLA": "tote", "CHAPEU": "hat", "CADERNO": "book", "AGENDA": "book", "ESTOJO": "pencils",
    "LAPIS": "pencils", "PIAO": "top", "CAMINHAO": "truck", "BLOCOS": "blocks", "CACHEPO": "plant", "MUDA": "plant",
    "REGADOR": "can", "SABONETE": "soap", "HIDRATANTE": "bottle", "LUMINARIA": "lamp", "TABUA": "board",
    "TALHERES": "spoon", "COLHER": "spoon",
}  # fmt: skip

BY_CATEGORY = {
    "cafes-e-chas": "pouch", "mercearia": "jar", "cozinha": "pot", "mesa-posta": "plates", "cama-e-banho": "towels",
    "decoracao": "vase", "redes-e-varanda": "hammock", "moda": "shirt", "papelaria": "book", "brinquedos": "blocks",
    "jardim": "plant", "perfumaria": "soap", "men": "shirt", "women": "shirt",
}  # fmt: skip


# Colour word in a SKU → index of the closest palette.
BY_COLOUR = {
    "TERRACOTA": 0, "VERDE": 1, "AZUL": 2, "VERMELHO": 3, "VERMELHA": 3, "AREIA": 4, "LILAS": 5, "MOSTARDA": 7,
}  # fmt: skip


def draw(category_slug: str, sku: str) -> str:
    """The SVG of a product's picture: square, under 2 kB. Safe for any input, since none of it is output."""
    number = int.from_bytes(blake2b(sku.encode("utf-8", "replace"), digest_size=4).digest())
    words = sku.upper().split("-")
    palette = next((BY_COLOUR[word] for word in words if word in BY_COLOUR), number % len(PALETTES))
    ground, behind, main, shade, accent, light = PALETTES[palette]
    scene = SCENES[number // len(PALETTES) % len(SCENES)]
    motif = BY_FIRST_WORD.get(words[0]) or BY_CATEGORY.get(category_slug, "box")
    drawing = (scene + '<ellipse cx="200" cy="322" rx="140" ry="12" fill="{b}" opacity=".25"/>' + MOTIFS[motif]).format(
        a=main, b=shade, c=accent, d=light, e=behind
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        f'<rect width="400" height="400" fill="{ground}"/>{drawing}</svg>'
    )


def url(category_slug: str, sku: str) -> str:
    """URL of the product's drawing."""
    return reverse("inventory:picture", args=[category_slug or NO_CATEGORY, sku])
