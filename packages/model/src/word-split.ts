/**
 * The words of a command line: separated by blanks, single quotes literal, double quotes with backslash escapes of `"`
 * and `\`, backslash outside quotes. No variables, globs or operators. `undefined` if a quote is not closed.
 */
export const splitWords = (line: string): string[] | undefined => {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    const next = line[i + 1];
    if (quote) {
      if (c === quote) quote = '';
      else if (c === '\\' && quote === '"' && (next === '"' || next === '\\')) word += line[++i] as string;
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= '';
    } else if (c === '\\' && next !== undefined) word = (word ?? '') + (line[++i] as string);
    else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + c;
  }
  if (quote) return undefined;
  if (word !== undefined) words.push(word);
  return words;
};
