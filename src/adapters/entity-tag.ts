/** Entity tags (RFC 9110 section 8.8.3), as far as they are believed: visible ASCII in quotes, of a length that fits in a small file. */

const TAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,250}"$/;

/**
 * The entity tag in an `etag` header.
 *
 * @returns null for none, and for one that is not a tag of at most 250 visible ASCII characters
 */
export function entityTag(header: string | undefined): string | null {
  const tag = header?.trim() ?? '';
  return TAG.test(tag) ? tag : null;
}

/** The tag if it is a strong one: the same tag means the same bytes (section 8.8.1), which is what ranges need. */
export function strongTag(header: string | undefined): string | null {
  const tag = entityTag(header);
  return tag?.startsWith('"') === true ? tag : null;
}

/** Whether two tags may stand for the same content (weak comparison, section 8.8.3.2). */
export function sameContent(a: string, b: string): boolean {
  const opaque = (tag: string): string => tag.replace(/^W\//, '');
  return opaque(a) === opaque(b);
}
