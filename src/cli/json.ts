/** JSON as commands print it: two spaces, and the word of the configuration files for a value without limit, which JSON has no number for. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, item: unknown) => (item === Number.POSITIVE_INFINITY ? 'infinite' : item), 2)}\n`;
}
