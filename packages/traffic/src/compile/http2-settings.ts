import type { Http2ProtocolOptions, KeepaliveSettings } from '@weft/xds-api/gen/envoy/config/core/v3';
import { defaultHttp2Settings, type Http2Keepalive, type Http2Settings } from '../http2-settings.ts';
import { fail } from './failure.ts';
import { at, durationMs, onlyKnown } from './fields.ts';

const MAX_STREAMS = 0x7fffffff;
const MIN_WINDOW = 65_535;
const MAX_WINDOW = 0x7fffffff;
const DEFAULT_JITTER_PERCENT = 15;

/** Bounds are those that Envoy checks. Which codec library Envoy runs and how a bad message ends is Envoy's own. */
export const compileHttp2Settings = (json: Http2ProtocolOptions | undefined, path: string): Http2Settings => {
  if (!json) return defaultHttp2Settings;
  onlyKnown(json, path, used, [
    'streamErrorOnInvalidHttpMessaging',
    'overrideStreamErrorOnInvalidHttpMessage',
    'useOghttp2Codec',
    'enableHuffmanEncoding',
    'maxMetadataSize',
    'streamResetBurst',
    'streamResetRate',
  ]);
  const defaults = defaultHttp2Settings;
  const between = (field: 'maxConcurrentStreams' | Window, absent: number, min: number, max: number): number => {
    const value = json[field] ?? absent;
    return value >= min && value <= max ? value : fail(at(path, field), `must be between ${min} and ${max}`);
  };
  return {
    headerTableSize: json.hpackTableSize ?? defaults.headerTableSize,
    maxConcurrentStreams: between('maxConcurrentStreams', defaults.maxConcurrentStreams, 1, MAX_STREAMS),
    initialStreamWindow: between('initialStreamWindowSize', defaults.initialStreamWindow, MIN_WINDOW, MAX_WINDOW),
    initialConnectionWindow: between(
      'initialConnectionWindowSize',
      defaults.initialConnectionWindow,
      MIN_WINDOW,
      MAX_WINDOW,
    ),
    allowConnect: json.allowConnect ?? false,
    maxOutboundFrames: json.maxOutboundFrames ?? defaults.maxOutboundFrames,
    maxOutboundControlFrames: json.maxOutboundControlFrames ?? defaults.maxOutboundControlFrames,
    maxConsecutiveInboundFramesWithEmptyPayload:
      json.maxConsecutiveInboundFramesWithEmptyPayload ?? defaults.maxConsecutiveInboundFramesWithEmptyPayload,
    maxInboundPriorityFramesPerStream:
      json.maxInboundPriorityFramesPerStream ?? defaults.maxInboundPriorityFramesPerStream,
    maxInboundWindowUpdateFramesPerDataFrameSent:
      json.maxInboundWindowUpdateFramesPerDataFrameSent ?? defaults.maxInboundWindowUpdateFramesPerDataFrameSent,
    keepalive: keepalive(json.connectionKeepalive, at(path, 'connectionKeepalive')),
  };
};

type Window = 'initialStreamWindowSize' | 'initialConnectionWindowSize';

const used: readonly (keyof Http2ProtocolOptions)[] = [
  'hpackTableSize',
  'maxConcurrentStreams',
  'initialStreamWindowSize',
  'initialConnectionWindowSize',
  'allowConnect',
  'maxOutboundFrames',
  'maxOutboundControlFrames',
  'maxConsecutiveInboundFramesWithEmptyPayload',
  'maxInboundPriorityFramesPerStream',
  'maxInboundWindowUpdateFramesPerDataFrameSent',
  'connectionKeepalive',
];

const keepalive = (json: KeepaliveSettings | undefined, path: string): Http2Keepalive | null => {
  if (!json) return null;
  onlyKnown(json, path, ['interval', 'timeout', 'intervalJitter', 'connectionIdleInterval']);
  const timeoutMs = durationMs(json.timeout, 0, at(path, 'timeout'));
  if (timeoutMs < 1) fail(at(path, 'timeout'), 'must be at least 1 ms');
  return {
    intervalMs: durationMs(json.interval, 0, at(path, 'interval')),
    timeoutMs,
    jitterPercent: json.intervalJitter === undefined ? DEFAULT_JITTER_PERCENT : (json.intervalJitter.value ?? 0),
    idleIntervalMs: durationMs(json.connectionIdleInterval, 0, at(path, 'connectionIdleInterval')),
  };
};
