import type { Pod } from '@weft/model/mesh';

/** Istio's label of workloads that take HBONE: https://istio.io/latest/docs/ambient/architecture/hbone/ */
export const isTunnelled = ({ labels }: Pod): boolean => labels['networking.istio.io/tunnel'] === 'http';
