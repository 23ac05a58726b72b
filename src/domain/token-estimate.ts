/** Four characters a token: the usual rule of thumb for English and code, used where nothing counts them. */
export const estimateTokens = (characters: number): number => Math.ceil(characters / 4);
