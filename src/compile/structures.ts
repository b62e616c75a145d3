/** The interfaces of the machine's data as structures in memory. */

import type { FieldLayout, Layout, StructureLayout } from '../machine/compiled/layout.js';
import type { Fields } from './fields.js';
import type { Source } from './source.js';
import type { Types } from './types.js';

/** Bytes of what a field holds: a pointer, if it is none of these. */
const BYTES: Readonly<Record<string, number>> = { f64: 8, i32: 4, bool: 1 };
const POINTER_BYTES = 4;

/** Lays out the fields that compiled functions use, the wide ones first, so that none needs padding in front. */
export function layOut(source: Source, fields: Fields, types: Types): Layout {
  const layout: Record<string, StructureLayout> = {};
  for (const [name, members] of fields.byType) {
    const laid: FieldLayout[] = [];
    let offset = 0;
    const typed = [...members].map(([member, { symbol, type, isMutable }]) => {
      const element = source.elementOf(type);
      return {
        name: member,
        type: types.nameOf(type, symbol),
        element: element === undefined ? null : types.nameOf(element, undefined),
        isMutable,
      };
    });
    for (const bytes of [8, 4, 1]) {
      for (const field of typed) {
        if ((BYTES[field.type] ?? POINTER_BYTES) !== bytes) continue;
        laid.push({ ...field, offset });
        offset += bytes;
      }
    }
    layout[name] = { bytes: Math.ceil(offset / 8) * 8, fields: laid };
  }
  return layout;
}

/** The declarations of the structures. */
export function declareStructures(layout: Layout): string {
  return Object.entries(layout)
    .map(
      ([name, { fields }]) =>
        `@unmanaged class ${name} {\n${fields.map((field) => `${field.name}: ${field.type};`).join('\n')}\n}`,
    )
    .join('\n');
}
