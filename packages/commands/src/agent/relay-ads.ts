import type { ClientHttp2Session } from 'node:http2';
import { methods } from '@weft/xds-api/type-urls';
import { type GrpcHandler, type GrpcStream, openStream } from '@weft/xds/grpc';

/** Room for a listener response of a large mesh, in bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Passes Envoy's ADS streams on to the control plane, message by message, unread. When either side ends, so does the
 * other; Envoy then begins a new stream and says what it holds (`initial_resource_versions`).
 */
export const relayAds = (session: () => ClientHttp2Session): ReadonlyMap<string, GrpcHandler> =>
  new Map(
    [methods.streamAggregatedResources, methods.deltaAggregatedResources].map((path) => [
      path,
      (downstream) => {
        const upstream = openStream(session(), path, { maxMessageBytes: MAX_MESSAGE_BYTES });
        forward(downstream, upstream);
      },
    ]),
  );

const forward = (downstream: GrpcStream, upstream: GrpcStream): void => {
  // Requests are small, and each response waits for the acknowledgement of the one before: nothing piles up.
  downstream.onMessage((message) => void upstream.write(message));
  upstream.onMessage((message) => void downstream.write(message));
  downstream.onEnd(() => upstream.end());
  upstream.onClose(({ code, message }) => (code === 0 ? downstream.end() : downstream.fail(code, message)));
  downstream.onClose(({ code, message }) => upstream.fail(code, message));
};
