// RATE requests a second arrive for SECONDS, whether or not the earlier ones have been answered.
// Of 20 there are 6 of the catalogue and 6 of a product, 4 looks at a cart and 1 addition to it, 2 checkout pages (the
// ways to deliver and their prices) and 1 order.
import exec from 'k6/execution';
import { Visit, bought, carts, pay, popular, recorded } from './shop.js';

const FIRST_ORDER = Number(__ENV.FIRST_ORDER);
const CATALOGUE_PAGES = 10;
const MIX = [
  'catalogue', 'product', 'cart', 'catalogue', 'product', 'checkout page', 'product', 'catalogue', 'cart', 'product',
  'catalogue', 'order', 'product', 'cart', 'catalogue', 'checkout page', 'product', 'add', 'catalogue', 'cart',
];

export const options = {
  scenarios: {
    peak: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: 300,
      maxVUs: 1500,
      gracefulStop: '90s',
    },
  },
};

export default function () {
  const turn = exec.scenario.iterationInTest;
  const what = MIX[turn % MIX.length];
  recorded(what, () => VISITS[what](Math.floor(turn / MIX.length)));
}

const VISITS = {
  catalogue: () => look('/products/?page=' + (1 + Math.floor(CATALOGUE_PAGES * Math.random() ** 3))),
  product: () => look(`/products/${popular().sku}/`),
  cart: () => look(`/carts/${any(carts.browsing)}/`),
  'checkout page': () => look(`/carts/${any(carts.checking)}/shipping-options/`),
  add: () => {
    const visit = new Visit();
    const line = { sku: popular().sku, quantity: 1 };
    visit.call('add', 'POST', `/carts/${any(carts.browsing)}/lines/`, line, 201);
    return { ended: Date.now(), ms: visit.milliseconds };
  },
  order: (number) => {
    const cart = carts.ready[FIRST_ORDER + number];
    const visit = new Visit();
    const order = pay(visit, `/carts/${cart.id}/`, cart.total);
    // In the mix a visit is one request: its parts tell nothing.
    return { ...bought({ visit, order }, cart.lines), parts: {} };
  },
};

function look(path) {
  const visit = new Visit();
  visit.call('look', 'GET', path, null, 200);
  return { ended: Date.now(), ms: visit.milliseconds };
}

function any(list) {
  return list[Math.floor(list.length * Math.random())];
}
