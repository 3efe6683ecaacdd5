"""The text of products' HTML descriptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.imports.bodies import plain_text

TABLE = """<h2>Medidas</h2>Em cm<table><thead><tr><th>Tamanho</th><th>Peito</th></tr></thead>
<tr><td>P</td><td>50</td></tr><tr><td>M</td><td>52<br>justo</td></tr></table><h3>Cuidados</h3>Lave à mão"""


@given(st.text())
def test_anything_is_read(html):
    assert "\n\n" not in plain_text(html)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a &lt;b&gt; c", "a <b> c"),
        ("<p>um</p>\n\n<p>dois <b>três</b></p>", "um\ndois três"),
        ("<style>p{}</style>x<script>y</script >z", "xz"),
        ("1 < 2", "1 < 2"),
        ("<script>solto", ""),
        ("<!-- nada -->", ""),
        (TABLE, "Medidas\nEm cm\nTamanho Peito\nP 50\nM 52\njusto\nCuidados\nLave à mão"),
        ("<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "a\nb\nc"),
        ("<dl><dt>Cor</dt><dd>Azul</dd></dl><section>Um</section><section>Dois</section>", "Cor\nAzul\nUm\nDois"),
        ("Área de 2 m<sup>2</sup>, <b>P</b>reto", "Área de 2 m2, Preto"),
        ("<ul><li>um<ul><li>dois</li></ul></li></ul><ol><li>três</li></ol>", "• um\n• dois\n1. três"),
        ('<div style="display:none">na aba fechada</div>', "na aba fechada"),
        ("<?xml version='1.0' encoding='latin1'?><p>ã</p>", "ã"),
        ("a&#0;b", "a\ufffdb"),
        ("<div>" * 1_500 + "fundo" + "</div>" * 1_500, "fundo"),
        (f'<img src="data:image/png;base64,{"A" * 11_000_000}">foto', "foto"),
    ],
)
def test_words_neither_run_together_nor_fall_apart(html, text):
    assert plain_text(html) == text
