// SHOPPERS who look at the catalogue and at products, as fast as they are answered, for SECONDS.
import { Visit, popular, recorded } from './shop.js';

const CATALOGUE_PAGES = 10;

export const options = {
  scenarios: {
    browse: { executor: 'constant-vus', vus: Number(__ENV.SHOPPERS), duration: `${__ENV.SECONDS}s` },
  },
};

export default function () {
  const page = 1 + Math.floor(CATALOGUE_PAGES * Math.random() ** 3);
  for (const path of [`/products/?page=${page}`, `/products/${popular().sku}/`]) {
    recorded('look', () => {
      const visit = new Visit();
      visit.call('look', 'GET', path, null, 200);
      return { ended: Date.now(), ms: visit.milliseconds };
    });
  }
}
