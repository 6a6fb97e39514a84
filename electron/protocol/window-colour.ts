// What the window shows before the page has drawn: the same ground as the page's first picture.

import { colour } from '../../os-core/design-tokens/tokens.ts';

export const windowBackground = `#${colour.terminal.toString(16).padStart(6, '0')}`;
