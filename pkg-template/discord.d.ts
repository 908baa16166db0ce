/**
 * Types the data of events, from the package `discord-api-types`, which has to be installed. Import it once, anywhere:
 *
 * ```ts
 * import "shardwire/discord";
 * ```
 *
 * From then on `event.name === "MESSAGE_CREATE"` narrows `event.data`. Nothing is checked when the program runs.
 * @packageDocumentation
 */

import type { GatewayDispatchPayload } from "discord-api-types/v10";

/** Names rather than the members of the enumeration, so that they can be compared with texts. */
type DataByName = {
  [Payload in GatewayDispatchPayload as `${Payload["t"]}`]: Payload["d"];
};

declare module "./index.js" {
  interface GatewayEventMap extends DataByName {}
}
