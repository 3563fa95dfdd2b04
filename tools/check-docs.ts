// Are the documents true? Each `path#symbol` in docs/life-of-a-*.md names a declaration that exists; each relative link
// in the Markdown files leads to a file; docs/errors.md has each code of the table.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errors } from '../packages/base/src/errors.ts';

const root = join(import.meta.dirname, '..');
const problems: string[] = [];

/** Whether a TypeScript file declares the name: a top-level declaration, or a member `Class.member`. */
const declares = (source: string, symbol: string): boolean => {
  const [owner, member] = symbol.split('.') as [string, string | undefined];
  const top = new RegExp(
    `^(export )?(default )?(abstract )?(async )?(const|let|function|class|interface|type) ${owner}\\b`,
    'm',
  );
  if (!top.test(source)) return false;
  return (
    !member ||
    new RegExp(`^\\s+(readonly |static |async |get |private |override )*#?${member}\\b\\s*[(:=?;<]`, 'm').test(source)
  );
};

for (const doc of globSync('docs/life-of-a-*.md', { cwd: root })) {
  const text = readFileSync(join(root, doc), 'utf8');
  const references = [...text.matchAll(/`([\w./-]+\.(?:ts|js|mjs))#([\w.#]+)`/g)];
  if (references.length < 5)
    problems.push(`${doc}: names ${references.length} symbols; it should lead through the code`);
  for (const [, file, symbol] of references) {
    if (!existsSync(join(root, file as string))) problems.push(`${doc}: no file ${file}`);
    else if (!declares(readFileSync(join(root, file as string), 'utf8'), symbol as string))
      problems.push(`${doc}: ${file} declares no ${symbol}`);
  }
}

const markdown = globSync(['*.md', 'docs/**/*.md', 'bench/*.md', 'examples/**/*.md', 'packages/*/README.md'], {
  cwd: root,
  exclude: ['**/node_modules/**'],
});
for (const doc of markdown) {
  const text = readFileSync(join(root, doc), 'utf8');
  for (const [, link] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (/^[a-z]+:/.test(link as string)) continue;
    if (!existsSync(join(root, dirname(doc), link as string))) problems.push(`${doc}: dead link ${link}`);
  }
}

const errorsDoc = join(root, 'docs/errors.md');
const described = existsSync(errorsDoc) ? readFileSync(errorsDoc, 'utf8') : '';
for (const e of Object.values(errors))
  if (!described.includes(`| ${e.code} |`))
    problems.push(`docs/errors.md: lacks ${e.code}; npm run docs:errors writes it`);

for (const p of problems) console.error(p);
console.log(problems.length ? `${problems.length} problems` : 'documents are true');
process.exitCode = problems.length ? 1 : 0;
