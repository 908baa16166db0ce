// Nothing happens here: the import is for the compiler, which reads `discord.d.ts`.
export {};
