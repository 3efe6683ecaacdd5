// What every scenario stands on: the goods, a step with its clock, and the record that the runner reads.
import http from 'k6/http';
import { SharedArray } from 'k6/data';

export const BASE = __ENV.BASE;
const API = `${BASE}/api/v1`;
const GOODS = __ENV.GOODS;

export const products = new SharedArray('products', () => JSON.parse(open(GOODS)).products);
export const carts = new SharedArray('carts', () => [JSON.parse(open(GOODS)).carts])[0];

// Shoppers live everywhere: no two of them are likely to share a CEP, as the carrier's prices would like it.
const PLACES = [
  { city: 'São Paulo', state: 'SP', first: 1001000, last: 5899999 },
  { city: 'São Paulo', state: 'SP', first: 8000000, last: 8499999 },
  { city: 'Rio de Janeiro', state: 'RJ', first: 20000000, last: 23799999 },
  { city: 'Belo Horizonte', state: 'MG', first: 30100000, last: 31999999 },
  { city: 'Curitiba', state: 'PR', first: 80000000, last: 82999999 },
];

// One line a fact, on the console, which goes to a file.
export function record(fact) {
  console.log(JSON.stringify(fact));
}

// Few products are bought often: half of the picks fall on a quarter of them.
export function popular() {
  return products[Math.floor(products.length * Math.random() ** 2)];
}

export function basket(lines) {
  const chosen = new Map();
  while (chosen.size < lines) {
    const product = popular();
    chosen.set(product.sku, product);
  }
  return [...chosen.values()];
}

export function place() {
  const { city, state, first, last } = PLACES[Math.floor(Math.random() * PLACES.length)];
  const postalCode = String(first + Math.floor(Math.random() * (last - first))).padStart(8, '0');
  return { city, state, postalCode };
}

export class Refused extends Error {}

// Calls one after the other, each expected to answer with a status, each timed under the name of its part.
export class Visit {
  constructor() {
    this.began = Date.now();
    this.parts = {};
    this.calls = 0;
  }

  get milliseconds() {
    return Date.now() - this.began;
  }

  call(part, method, path, body, status, headers = {}) {
    const began = Date.now();
    this.calls += 1;
    const answer = http.request(method, `${API}${path}`, body === null ? null : JSON.stringify(body), {
      headers: { 'Content-Type': 'application/json', ...headers },
      tags: { name: part },
      timeout: '60s',
    });
    this.parts[part] = (this.parts[part] || 0) + Date.now() - began;
    if (answer.status !== status) {
      throw new Refused(`${method} ${path}: ${answer.status} ${String(answer.body).slice(0, 120)}`);
    }
    return answer.json();
  }
}

// A whole guest checkout, from an empty cart to the order's page, call by call.
export function buy(goods) {
  const visit = new Visit();
  const { cart, options } = cartByCalls(visit, goods, { look: true });
  return { visit, order: chooseAndPay(visit, cart, options) };
}

function cartByCalls(visit, goods, { look } = {}) {
  const cart = `/carts/${visit.call('cart', 'POST', '/carts/', {}, 201).id}/`;
  for (const { sku } of goods) {
    visit.call('cart', 'POST', `${cart}lines/`, { sku, quantity: 1 }, 201);
  }
  if (look) visit.call('cart', 'GET', cart, null, 200);
  visit.call('cart', 'PUT', `${cart}delivery/`, delivery(), 200);
  return { cart, options: visit.call('shipping', 'GET', `${cart}shipping-options/`, null, 200).options };
}

// The same in as few calls as the shop offers: `wholeCarts` if it takes lines and address with the cart, and answers with
// the ways of delivery. On either side the shopper sees those before choosing, and the order at the end.
export function buyInFewCalls(goods, { wholeCarts }) {
  const visit = new Visit();
  const { cart, options } = wholeCarts ? wholeCart(visit, goods) : cartByCalls(visit, goods);
  return { visit, order: chooseAndPay(visit, cart, options) };
}

function wholeCart(visit, goods) {
  const wish = { lines: goods.map(({ sku }) => ({ sku, quantity: 1 })), delivery: delivery() };
  const { id, shipping_options } = visit.call('cart', 'POST', '/carts/', wish, 201);
  return { cart: `/carts/${id}/`, options: shipping_options.options };
}

// Whether a cart takes its lines when it is made. A shop that does not know them makes an empty one, or refuses.
export function offersWholeCarts() {
  const wish = JSON.stringify({ lines: [{ sku: products[0].sku, quantity: 1 }] });
  const answer = http.post(`${API}/carts/`, wish, { headers: { 'Content-Type': 'application/json' } });
  return answer.status === 201 && answer.json().lines.length === 1;
}

function chooseAndPay(visit, cart, options) {
  const chosen = visit.call('shipping', 'PUT', `${cart}shipping/`, { code: options[0].code }, 200);
  const order = pay(visit, cart, chosen.total);
  visit.call('order page', 'GET', `/orders/${order.number}/`, null, 200, { 'Order-Token': order.token });
  return order;
}

export function pay(visit, cart, total) {
  const wish = { payment_method: 'pm_card_visa', expected_total: total };
  const key = `${Date.now()}-${Math.random()}`;
  return visit.call('place order', 'POST', `${cart}checkout/`, wish, 201, { 'Idempotency-Key': key });
}

export function delivery() {
  const { city, state, postalCode } = place();
  return {
    email: 'ana@example.com',
    phone: '11987654321',
    address: {
      name: 'Ana Souza', street: 'Rua das Flores', number: '100', district: 'Centro', city, state,
      postal_code: postalCode, country: 'BR',
    },
  };
}

// Run something and write down what came of it; a refusal is a fact, anything else is a mistake of ours.
export function recorded(what, run) {
  const began = Date.now();
  try {
    record({ what, began, ok: true, ...run() });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    record({ what, began, ended: Date.now(), ms: Date.now() - began, ok: false, reason: error.message });
  }
}

export function bought({ visit, order }, lines) {
  const { milliseconds: ms, parts, calls } = visit;
  return { ended: Date.now(), ms, parts, calls, order: order.number, lines };
}
