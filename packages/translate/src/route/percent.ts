import type { FractionalPercent } from '@weft/xds-api/gen/envoy/type/v3';

/** A share in percent, to the ten-thousandth that Envoy tells apart. */
export const fractionalPercent = (percent: number): FractionalPercent => ({
  numerator: Math.round(percent * 10_000),
  denominator: 'MILLION',
});
