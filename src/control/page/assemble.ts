/** Puts the page's files together: the chart into the document, and its rules into the style. */

/** A file of the page as it is served. */
export interface PageFile {
  readonly type: string;
  readonly body: string;
}

/** The page's files by their paths. */
export type PageFiles = Readonly<Record<string, PageFile>>;

/** What the page is made of. */
export interface PageSources {
  readonly html: string;
  readonly css: string;
  readonly icon: string;
  /** `statecharts/update.svg`. */
  readonly chart: string;
  /** The modules of the script by their names; `main.js` is the one that is begun with. */
  readonly scripts: Readonly<Record<string, string>>;
}

const CHART_MARK = '<!-- chart -->';
const RULES_MARK = '/* rules */';

/** A picture's style, and what is left of it: on a page that forbids inline style, it has none of its own. */
function withoutStyle(svg: string): { readonly bare: string; readonly rules: string } {
  const [whole = '', style = ''] = /<style>([^]*?)<\/style>\n?/.exec(svg) ?? [];
  const at = style.indexOf(RULES_MARK);
  if (at < 0) throw new Error(`expected ${RULES_MARK} in the style of the chart, found none`);
  const bare = svg.replace(whole, '').replace(/<rect class="paper"[^>]*\/>\n/, '');
  return { bare, rules: style.slice(at + RULES_MARK.length) };
}

/**
 * Makes the files of the page.
 *
 * @throws Error where the document has no place for the chart, or the chart has no rules: both are faults of the sources
 */
export function assemblePage({ html, css, icon, chart, scripts }: PageSources): PageFiles {
  if (!html.includes(CHART_MARK)) throw new Error(`expected ${CHART_MARK} in the page, found none`);
  const { bare, rules } = withoutStyle(chart);
  const files: Record<string, PageFile> = {
    '/': { type: 'text/html; charset=utf-8', body: html.replace(CHART_MARK, () => bare.trim()) },
    '/page/page.css': { type: 'text/css; charset=utf-8', body: `${rules.trim()}\n${css}` },
    '/page/icon.svg': { type: 'image/svg+xml', body: icon },
  };
  for (const [name, body] of Object.entries(scripts))
    files[`/page/${name}`] = { type: 'text/javascript; charset=utf-8', body };
  return files;
}
