import { styleText } from 'node:util';

/** Emphasis; each gives its text back as it is where there are no colours. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
}

type Format = Parameters<typeof styleText>[0];

const same = (text: string): string => text;

/** No emphasis at all. */
export const plainStyle: Style = { bold: same, dim: same, good: same, warn: same, bad: same };

/** Colours and weights by ANSI escape sequences. */
export const colourStyle: Style = (() => {
  const as =
    (format: Format) =>
    (text: string): string =>
      styleText(format, text, { validateStream: false });
  return {
    bold: as('bold'),
    dim: as('dim'),
    good: as('green'),
    warn: as('yellow'),
    bad: as(['bold', 'red']),
  };
})();
