/** Texts that can be read where lines go through them. */

/** How a text looks and where it stands, as in a vega-lite mark. */
export interface TextLook {
  readonly align?: 'left' | 'center' | 'right';
  readonly dx?: number;
  readonly dy?: number;
  readonly fontWeight?: 'normal' | 600;
  readonly color?: string;
}

const FONT_SIZE = 11;
/** Half of it lies outside the letters. */
const RIM_WIDTH = 5;

/**
 * The text twice: a white rim, and the letters on it.
 * @param layer data and encoding of a vega-lite layer
 */
export function rimmedText<Layer extends { readonly data: object; readonly encoding: object }>(
  layer: Layer,
  look: TextLook,
) {
  const mark = { type: 'text' as const, fontSize: FONT_SIZE, ...look };
  return [
    {
      ...layer,
      mark: {
        ...mark,
        color: 'white',
        stroke: 'white',
        strokeWidth: RIM_WIDTH,
        strokeJoin: 'round' as const,
      },
    },
    { ...layer, mark },
  ];
}
