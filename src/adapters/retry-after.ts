/** The forms of an HTTP date (RFC 9110 section 5.6.7): the one of today, RFC 850's, and that of asctime, which names no zone. */
const DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
];
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

function httpDate(text: string): number | null {
  const dated = ASCTIME.test(text) ? `${text} GMT` : text;
  const at = dated !== text || DATES.some((form) => form.test(text)) ? Date.parse(dated) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

/**
 * For how long a server wants to be left alone, by its `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
 *
 * @param header - the value of `retry-after`
 * @param date - the value of `date` in the same answer: a date is measured by the server's own clock, since this host's may be wrong
 * @param now - this host's time, for a server that does not tell its own, ms since 1970
 * @returns ms from now; null where there is no such header, or one that is neither
 * @example
 * parseRetryAfter('120', undefined, Date.now()); // 120000
 */
export function parseRetryAfter(
  header: string | undefined,
  date: string | undefined,
  now: number,
): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = httpDate(text);
  return at === null ? null : Math.max(0, at - (httpDate(date?.trim() ?? '') ?? now));
}
