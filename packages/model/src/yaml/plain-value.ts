/**
 * What an unquoted scalar means in YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#1032-tag-resolution). What begins
 * with a letter is a string but for nine words, so most scalars are decided by their first character.
 */
export const plainValue = (text: string): unknown => {
  const first = text.charCodeAt(0);
  // A digit, or one of + - . which begin numbers.
  if ((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46) return numberOr(text);
  if (text.length > 5) return text;
  switch (text) {
    case '':
    case '~':
    case 'null':
    case 'Null':
    case 'NULL':
      return null;
    case 'true':
    case 'True':
    case 'TRUE':
      return true;
    case 'false':
    case 'False':
    case 'FALSE':
      return false;
    default:
      return text;
  }
};

const DECIMAL = /^[-+]?[0-9]+$/;
const OCTAL = /^0o[0-7]+$/;
const HEXADECIMAL = /^0x[0-9a-fA-F]+$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const SPECIAL = /^(?:[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)$/;

const numberOr = (text: string): unknown => {
  if (DECIMAL.test(text)) return Number.parseInt(text, 10);
  if (FLOAT.test(text)) return Number.parseFloat(text);
  if (OCTAL.test(text)) return Number.parseInt(text.slice(2), 8);
  if (HEXADECIMAL.test(text)) return Number.parseInt(text.slice(2), 16);
  if (!SPECIAL.test(text)) return text;
  if (text.toLowerCase() === '.nan') return Number.NaN;
  return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
};
