// Whole checkouts of LINES lines. With SECONDS: so many shoppers, one purchase after the other. Without: each buys once,
// all at once, the same product.
import { basket, bought, buy, products, recorded } from './shop.js';

const shoppers = Number(__ENV.SHOPPERS);
const lines = Number(__ENV.LINES);
const rush = !__ENV.SECONDS;

export const options = {
  scenarios: {
    checkout: rush
      ? { executor: 'per-vu-iterations', vus: shoppers, iterations: 1, maxDuration: '5m' }
      : { executor: 'constant-vus', vus: shoppers, duration: `${__ENV.SECONDS}s`, gracefulStop: '60s' },
  },
};

export default function () {
  const goods = rush ? [products[0]] : basket(lines);
  recorded('checkout', () => bought(buy(goods), lines));
}
