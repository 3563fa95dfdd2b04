import type { OutlierDetector } from './outlier-detector.ts';

/** Requests of the interval under way and of the one before it, which is the one that is judged. */
export class SuccessRate {
  total = 0;
  successes = 0;
  judgedTotal = 0;
  judgedSuccesses = 0;

  nextInterval(): void {
    this.judgedTotal = this.total;
    this.judgedSuccesses = this.successes;
    this.total = 0;
    this.successes = 0;
  }

  /** Percent of successes in the interval that ended last; there must have been requests. */
  get percent(): number {
    return (100 * this.judgedSuccesses) / this.judgedTotal;
  }
}

/**
 * What one host did lately, and whether it is out for it. Told by the data path after each request; a success costs a
 * few assignments. Envoy's DetectorHostMonitorImpl.
 */
export class HostMonitor {
  readonly #detector: OutlierDetector;
  consecutive5xx = 0;
  consecutiveGatewayFailure = 0;
  consecutiveLocalOriginFailure = 0;
  /** Of answers, and of connecting. */
  readonly external = new SuccessRate();
  readonly local = new SuccessRate();
  ejected = false;
  ejectedAtMs = 0;
  jitterMs = 0;
  /** Times the base ejection time that it is, or was, out; falls by one in each interval without ejection. */
  multiplier = 0;

  constructor(detector: OutlierDetector) {
    this.#detector = detector;
  }

  /** The status that it answered, or for gRPC the one that the `grpc-status` stands for. */
  responded(status: number): void {
    const { external } = this;
    external.total++;
    if (status < 500 || status > 599) {
      external.successes++;
      this.consecutive5xx = 0;
      this.consecutiveGatewayFailure = 0;
      return;
    }
    const { config } = this.#detector;
    const gateway = status >= 502 && status <= 504;
    this.consecutiveGatewayFailure = gateway ? this.consecutiveGatewayFailure + 1 : 0;
    if (gateway && this.consecutiveGatewayFailure === config.consecutiveGatewayFailure) {
      this.#detector.detected(this, 'consecutive_gateway_failure');
    }
    this.consecutive5xx++;
    if (this.consecutive5xx === config.consecutive5xx) this.#detector.detected(this, 'consecutive_5xx');
  }

  /** A connection that a request is about to use, or for TCP (`final`) all that there is to succeed in. */
  connected(final: boolean): void {
    if (!this.#detector.config.splitExternalLocalOrigin) {
      if (final) this.responded(200);
      return;
    }
    this.local.total++;
    this.local.successes++;
    this.consecutiveLocalOriginFailure = 0;
  }

  /** Nothing came from the host: no connection, one that broke, or no answer in time. */
  failed(what: 'connect' | 'timeout'): void {
    const { config } = this.#detector;
    if (!config.splitExternalLocalOrigin) {
      this.responded(what === 'timeout' ? 504 : 503);
      return;
    }
    this.local.total++;
    this.consecutiveLocalOriginFailure++;
    if (this.consecutiveLocalOriginFailure === config.consecutiveLocalOriginFailure) {
      this.#detector.detected(this, 'consecutive_local_origin_failure');
    }
  }

  /** A bout of failures begins anew, though nothing has succeeded in between. */
  resetCounts(): void {
    this.consecutive5xx = 0;
    this.consecutiveGatewayFailure = 0;
    this.consecutiveLocalOriginFailure = 0;
  }
}
