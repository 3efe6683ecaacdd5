// Whole guest checkouts by the pages that a browser shows, forms with their CSRF tokens and redirects included.
import http from 'k6/http';
import { BASE, Refused, place, popular, recorded } from './shop.js';

export const options = {
  scenarios: {
    pages: {
      executor: 'constant-vus', vus: Number(__ENV.SHOPPERS), duration: `${__ENV.SECONDS}s`, gracefulStop: '60s',
    },
  },
};

export default function () {
  recorded('checkout', walk);
}

function walk() {
  const began = Date.now();
  const { city, state, postalCode } = place();
  const product = popular();
  let page = open(`/products/${product.slug}/`);
  page = submit(page, '/cart/add/', { sku: product.sku, quantity: '1' });
  page = open('/checkout/');
  page = submit(page, '/checkout/contact/', {
    email: 'ana@example.com', name: 'Ana Souza', postal_code: postalCode, street: 'Rua das Flores', number: '100',
    complement: '', district: 'Centro', city, state, phone: '11987654321',
  });
  page = submit(page, '/checkout/delivery/', { code: field(page, 'code') });
  page = submit(page, '/checkout/pay/', {
    cart: field(page, 'cart'), idempotency_key: field(page, 'idempotency_key'),
    expected_total: field(page, 'expected_total'), method: 'card', payment_method: 'pm_card_visa',
  });
  const [, order] = /\/orders\/(\w{10})\//.exec(page.url) || [];
  if (!order) throw new Refused(`no order: ${page.status} ${page.url}`);
  return { ended: Date.now(), ms: Date.now() - began, order, lines: 1 };
}

function open(path) {
  return seen(http.get(`${BASE}${path}`));
}

function submit(page, path, fields) {
  const token = field(page, 'csrfmiddlewaretoken');
  return seen(http.post(`${BASE}${path}`, { csrfmiddlewaretoken: token, ...fields }));
}

function seen(page) {
  if (page.status !== 200) throw new Refused(`${page.url}: ${page.status}`);
  return page;
}

function field(page, name) {
  const tag = new RegExp(`<input[^>]*name="${name}"[^>]*>`).exec(page.body);
  const value = tag && /value="([^"]*)"/.exec(tag[0]);
  if (!value) throw new Refused(`${page.url} has no field ${name}`);
  return value[1];
}
