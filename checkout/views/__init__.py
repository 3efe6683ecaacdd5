"""The pages between the cart and the door. Each view parses, calls one verb and renders."""
