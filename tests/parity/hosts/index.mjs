// Every host that plays scenarios. Each entry is `{ name, start() }`; `start()` gives `{ version, play(task), stop() }`, where
// several plays may run at once.

import { host as native } from "./native.mjs";
import { host as node24 } from "./node.mjs";

export const HOSTS = [native, node24];
