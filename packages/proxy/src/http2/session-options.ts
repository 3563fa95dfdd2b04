import type { Http2Settings } from '@weft/traffic/http2-settings';
import { defaultHttp2Options, type Http2Options } from '@weft/wire/http2/options';

/** What the configuration says, with the codec's own limits where it says nothing. */
export const sessionOptions = (
  settings: Http2Settings,
  heads: { readonly maxHeadBytes: number; readonly maxHeaders: number },
): Http2Options => ({
  ...defaultHttp2Options,
  ...heads,
  maxConcurrentStreams: settings.maxConcurrentStreams,
  initialStreamWindow: settings.initialStreamWindow,
  initialConnectionWindow: settings.initialConnectionWindow,
  enableConnect: settings.allowConnect,
  headerTableSize: settings.headerTableSize,
  maxOutboundFrames: settings.maxOutboundFrames,
  maxOutboundControlFrames: settings.maxOutboundControlFrames,
  maxConsecutiveInboundFramesWithEmptyPayload: settings.maxConsecutiveInboundFramesWithEmptyPayload,
  maxInboundPriorityFramesPerStream: settings.maxInboundPriorityFramesPerStream,
  maxInboundWindowUpdateFramesPerDataFrameSent: settings.maxInboundWindowUpdateFramesPerDataFrameSent,
});
