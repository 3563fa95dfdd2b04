/**
 * Why a pattern is no RE2 regular expression, which Istio's are; undefined if it seems to be one. RE2 knows no look-around
 * and no back references (https://github.com/google/re2/wiki/Syntax); the rest is left to the proxy's compiler.
 */
export const regexProblem = (pattern: string): string | undefined => {
  const bare = pattern.replace(/\\\\/g, '');
  if (/\(\?(=|!|<=|<!)/.test(bare)) return 'which looks around; RE2 cannot';
  if (/\\[1-9]/.test(bare)) return 'which refers back to a group; RE2 cannot';
  // Flags and spellings that RE2 has and JavaScript lacks.
  const translated = pattern
    .replace(/\(\?[imsU-]+\)/g, '')
    .replace(/\(\?[imsU-]+:/g, '(?:')
    .replace(/\(\?P</g, '(?<')
    .replace(/\[\[:\^?\w+:\]/g, '[x')
    .replace(/\\Q.*?(\\E|$)/g, '');
  try {
    void new RegExp(translated);
    return undefined;
  } catch (error) {
    return `which is not a regular expression: ${(error as Error).message.replace(/^.*\/: /, '')}`;
  }
};
