import { List } from './list';
const list = new List<number>().push(1).push('two');
export const lengths: string[] = list.map((n) => n + 1);
