// MQTT.js against a broker: node interop.mjs HOST PORT. Prints `ok NAME` or `FAILED NAME: why`, one line a check.

import assert from "node:assert/strict";
import mqtt from "mqtt";

const [host, port] = process.argv.slice(2);
const time_out = 10_000;
const quiet = 300;
let open = [];

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out: ${what}`)), time_out);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A client whose messages wait in a queue.
class client {
  static async connect(version, options = {}) {
    const one = new client();
    one.version = version;
    one.messages = [];
    one.waiting = [];
    one.mqtt = mqtt.connect({
      host, port: Number(port), protocolVersion: version, protocolId: version === 3 ? "MQIsdp" : "MQTT",
      reconnectPeriod: 0, connectTimeout: time_out,
      clientId: `js${Math.random().toString(36).slice(2)}`, clean: true, ...options,
    });
    open.push(one);
    one.mqtt.on("message", (topic, payload, packet) => {
      const message = { topic, payload: payload.toString(), bytes: payload, packet };
      const taker = one.waiting.shift();
      if (taker) taker(message);
      else one.messages.push(message);
    });
    one.closed = new Promise((resolve) => one.mqtt.once("close", resolve));
    one.disconnected = new Promise((resolve) => one.mqtt.once("disconnect", resolve));
    one.connack = await within(new Promise((resolve, reject) => {
      one.mqtt.once("connect", resolve);
      one.mqtt.once("error", reject);
    }), "CONNACK");
    one.mqtt.on("error", () => {});
    return one;
  }

  message() {
    if (this.messages.length) return Promise.resolve(this.messages.shift());
    return within(new Promise((resolve) => this.waiting.push(resolve)), "a message");
  }

  async take(count) {
    const got = [];
    for (let n = 0; n < count; ++n) got.push(await this.message());
    return got;
  }

  async expect_nothing(milliseconds = quiet) {
    await sleep(milliseconds);
    assert.deepEqual(this.messages.map((one) => one.payload), []);
  }

  subscribe(topic, options = { qos: 0 }) {
    return within(this.mqtt.subscribeAsync(topic, options), "SUBACK");
  }

  unsubscribe(topic) {
    return within(new Promise((resolve, reject) => this.mqtt.unsubscribe(topic, (error, packet) =>
      error ? reject(error) : resolve(packet))), "UNSUBACK");
  }

  publish(topic, payload, options = {}) {
    return within(this.mqtt.publishAsync(topic, payload, options), "the acknowledgement");
  }

  // Ends the TCP connection without DISCONNECT.
  abort() {
    this.mqtt.stream.destroy();
  }

  end() {
    return within(this.mqtt.endAsync(), "the end");
  }
}

// Each check gets the protocol version and a topic of its own.
const common = {
  async each_qos(version, topic) {
    const one = await client.connect(version);
    for (const granted of [0, 1, 2]) {
      await one.subscribe(`${topic}/${granted}`, { qos: granted });
      for (const published of [0, 1, 2]) {
        await one.publish(`${topic}/${granted}`, `${published}`, { qos: published });
        const got = await one.message();
        assert.deepEqual([got.payload, got.packet.qos, got.packet.retain, got.packet.dup],
          [`${published}`, Math.min(granted, published), false, false]);
      }
    }
  },

  async retained_set_replaced_cleared(version, topic) {
    const pub = await client.connect(version);
    for (const text of ["one", "two"]) {
      await pub.publish(topic, text, { qos: 1, retain: true });
      const late = await client.connect(version);
      await late.subscribe(topic, { qos: 1 });
      const got = await late.message();
      assert.deepEqual([got.payload, got.packet.retain], [text, true]);
    }
    await pub.publish(topic, "", { qos: 1, retain: true });
    const late = await client.connect(version);
    await late.subscribe(topic, { qos: 1 });
    await late.expect_nothing();
  },

  async will_after_broken_connection(version, topic) {
    const watch = await client.connect(version);
    await watch.subscribe(topic, { qos: 2 });
    for (const qos of [0, 1, 2]) {
      const will = { topic, payload: Buffer.from(`gone ${qos}`), qos, retain: false };
      const one = await client.connect(version, { will });
      one.abort();
      const got = await watch.message();
      assert.deepEqual([got.payload, got.packet.qos], [`gone ${qos}`, qos]);
    }
  },

  async no_will_after_disconnect(version, topic) {
    const watch = await client.connect(version);
    await watch.subscribe(topic, { qos: 1 });
    const one = await client.connect(version, { will: { topic, payload: Buffer.from("gone"), qos: 1, retain: false } });
    await one.end();
    await watch.expect_nothing();
  },

  async session_is_resumed(version, topic) {
    const options = { clientId: `resume${version}${process.pid}`, clean: false };
    if (version === 5) options.properties = { sessionExpiryInterval: 300 };
    const first = await client.connect(version, options);
    assert.equal(first.connack.sessionPresent, false);
    await first.subscribe(topic, { qos: 2 });
    await first.end();
    const pub = await client.connect(version);
    for (let n = 0; n < 20; ++n) await pub.publish(topic, `${n}`, { qos: 1 + n % 2 });
    const again = await client.connect(version, options);
    assert.equal(again.connack.sessionPresent, true);
    const got = await again.take(20);
    for (const qos of [1, 2]) {
      const numbers = got.filter((one) => one.packet.qos === qos).map((one) => Number(one.payload));
      assert.deepEqual(numbers, Array.from({ length: 10 }, (_, n) => 2 * n + qos - 1));
    }
    await again.expect_nothing();
  },

  async take_over(version) {
    const first = await client.connect(version, { clientId: `same${version}${process.pid}` });
    await client.connect(version, { clientId: `same${version}${process.pid}` });
    if (version === 5) {
      const said = await within(first.disconnected, "DISCONNECT");
      assert.equal(said.reasonCode, 0x8e);
    }
    await within(first.closed, "the end of the first connection");
  },

  async wildcards_and_unsubscribe(version, topic) {
    const one = await client.connect(version);
    await one.subscribe([`${topic}/+/x`, `${topic}/deep/#`], { qos: 1 });
    for (const suffix of ["a/x", "a/y", "deep", "deep/b/c"]) {
      await one.publish(`${topic}/${suffix}`, suffix, { qos: 1 });
    }
    assert.deepEqual((await one.take(3)).map((got) => got.payload).sort(), ["a/x", "deep", "deep/b/c"]);
    await one.unsubscribe(`${topic}/+/x`);
    await one.publish(`${topic}/a/x`, "lost", { qos: 1 });
    await one.publish(`${topic}/deep`, "kept", { qos: 1 });
    assert.equal((await one.message()).payload, "kept");
    await one.expect_nothing();
  },

  async payload_of_1_mib(version, topic) {
    const one = await client.connect(version);
    const payload = Buffer.alloc(1 << 20, "0123456789abcdef");
    for (const qos of [0, 1, 2]) {
      await one.subscribe(`${topic}/${qos}`, { qos });
      await one.publish(`${topic}/${qos}`, payload, { qos });
      assert.ok((await one.message()).bytes.equals(payload));
    }
  },

  async order_of_many_messages(version, topic) {
    const sub = await client.connect(version);
    const pub = await client.connect(version);
    await sub.subscribe(topic, { qos: 2 });
    for (const qos of [0, 1, 2]) {
      const numbers = Array.from({ length: 300 }, (_, n) => n);
      // MQTT.js keeps no send quota of its own, so at most 15 are on their way.
      for (let first = 0; first < 300; first += 15) {
        await Promise.all(numbers.slice(first, first + 15).map((n) => pub.publish(topic, `${n}`, { qos })));
      }
      assert.deepEqual((await sub.take(300)).map((got) => Number(got.payload)), numbers);
    }
  },

  async pings_keep_the_connection(version) {
    const one = await client.connect(version, { keepalive: 1 });
    await sleep(2500);
    assert.equal(one.mqtt.connected, true);
  },
};

const version_5 = {
  async properties_and_their_order(version, topic) {
    const one = await client.connect(version);
    await one.subscribe(topic, { qos: 1 });
    const said = {
      contentType: "text/plain", responseTopic: "answer", correlationData: Buffer.from([0, 1, 255]),
      payloadFormatIndicator: true, userProperties: { z: ["1", "3"], a: "2" }, messageExpiryInterval: 100,
    };
    await one.publish(topic, "x", { qos: 1, properties: said });
    const got = (await one.message()).packet.properties;
    assert.ok([99, 100].includes(got.messageExpiryInterval));
    assert.deepEqual({ ...got, userProperties: { ...got.userProperties }, messageExpiryInterval: 100 }, said);
  },

  async subscription_identifiers(version, topic) {
    const one = await client.connect(version);
    await one.subscribe(`${topic}/a`, { qos: 1, properties: { subscriptionIdentifier: 7 } });
    await one.subscribe(`${topic}/+`, { qos: 2, properties: { subscriptionIdentifier: 200000 } });
    await one.publish(`${topic}/a`, "x", { qos: 2 });
    const got = await one.message();
    assert.deepEqual([got.packet.qos, [got.packet.properties.subscriptionIdentifier].flat().sort()], [2, [200000, 7]]);
    await one.expect_nothing();
  },

  async no_local_and_retain_as_published(version, topic) {
    const one = await client.connect(version);
    const other = await client.connect(version);
    await one.subscribe(topic, { qos: 1, nl: true, rap: true });
    await one.publish(topic, "own", { qos: 1 });
    await other.publish(topic, "other", { qos: 1, retain: true });
    const got = await one.message();
    assert.deepEqual([got.payload, got.packet.retain], ["other", true]);
  },

  async retain_handling(version, topic) {
    const one = await client.connect(version);
    await one.publish(topic, "kept", { qos: 1, retain: true });
    await one.subscribe(topic, { qos: 1, rh: 1 });
    assert.equal((await one.message()).payload, "kept");
    await one.subscribe(topic, { qos: 1, rh: 1 });
    await one.subscribe(topic, { qos: 1, rh: 2 });
    await one.expect_nothing();
    await one.subscribe(topic, { qos: 1, rh: 0 });
    assert.equal((await one.message()).payload, "kept");
  },

  async shared_subscription(version, topic) {
    const members = [await client.connect(version), await client.connect(version)];
    for (const one of members) await one.subscribe(`$share/group/${topic}`, { qos: 1 });
    const pub = await client.connect(version);
    for (let n = 0; n < 40; ++n) await pub.publish(topic, `${n}`, { qos: 1 });
    await sleep(quiet);
    const got = members.flatMap((one) => one.messages.map((message) => Number(message.payload)));
    assert.deepEqual(got.sort((a, b) => a - b), Array.from({ length: 40 }, (_, n) => n));
  },

  async assigned_client_identifier() {
    const one = await client.connect(5, { clientId: "" });
    assert.ok(one.connack.properties.assignedClientIdentifier);
  },

  async topic_aliases_both_ways(version, topic) {
    const one = await client.connect(version, { properties: { topicAliasMaximum: 5 }, autoAssignTopicAlias: true });
    await one.subscribe(`${topic}/#`, { qos: 1 });
    for (let n = 0; n < 20; ++n) {
      await one.publish(`${topic}/${n % 3}`, `${n}`, { qos: 1 });
      const got = await one.message();
      assert.deepEqual([got.topic, got.payload], [`${topic}/${n % 3}`, `${n}`]);
    }
  },

  async unsubscribe_codes(version, topic) {
    const one = await client.connect(version);
    await one.subscribe(topic, { qos: 1 });
    assert.deepEqual([...(await one.unsubscribe([topic, `${topic}/never`])).granted], [0x00, 0x11]);
  },

  async receive_maximum_of_the_client(version, topic) {
    const one = await client.connect(version, { properties: { receiveMaximum: 2 } });
    await one.subscribe(topic, { qos: 1 });
    const pub = await client.connect(version);
    for (let n = 0; n < 20; ++n) await pub.publish(topic, `${n}`, { qos: 1 });
    assert.deepEqual((await one.take(20)).map((got) => Number(got.payload)), Array.from({ length: 20 }, (_, n) => n));
  },

  async will_delay(version, topic) {
    const watch = await client.connect(version);
    await watch.subscribe(topic, { qos: 1 });
    const one = await client.connect(version, {
      properties: { sessionExpiryInterval: 60 },
      will: { topic, payload: Buffer.from("late"), qos: 1, retain: false, properties: { willDelayInterval: 1 } },
    });
    const begin = Date.now();
    one.abort();
    assert.equal((await watch.message()).payload, "late");
    assert.ok(Date.now() - begin > 500);
  },

  async request_and_response(version, topic) {
    const requester = await client.connect(version);
    const responder = await client.connect(version);
    await responder.subscribe(`${topic}/request`, { qos: 1 });
    await requester.subscribe(`${topic}/answer`, { qos: 1 });
    await requester.publish(`${topic}/request`, "ping", {
      qos: 1, properties: { responseTopic: `${topic}/answer`, correlationData: Buffer.from("17") },
    });
    const { responseTopic, correlationData } = (await responder.message()).packet.properties;
    await responder.publish(responseTopic, "pong", { qos: 1, properties: { correlationData } });
    const got = await requester.message();
    assert.deepEqual([got.payload, got.packet.properties.correlationData.toString()], ["pong", "17"]);
  },
};

const plan = [
  ...[3, 4, 5].flatMap((version) => Object.entries(common).map(([name, check]) => [version, name, check])),
  ...Object.entries(version_5).map(([name, check]) => [5, name, check]),
].filter(([version, name]) => !(version === 3 && name === "session_is_resumed"));  // no session present in 3.1

let failed = 0;
for (const [version, name, check] of plan) {
  const label = `${{ 3: "v3_1", 4: "v3_1_1", 5: "v5" }[version]}.${name}`;
  try {
    await check(version, `js/${version}/${name}`);
    console.log(`ok ${label}`);
  } catch (error) {
    ++failed;
    console.log(`FAILED ${label}: ${String(error.message).split("\n").filter(Boolean).slice(0, 12).join(" | ")}`);
  }
  await Promise.all(open.map((one) => one.mqtt.endAsync(true).catch(() => {})));
  open = [];
}
process.exit(failed ? 1 : 0);
