package bench;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** «repeat» in Kafka Streams: one thread, exactly_once_v2, state per citizen and leaf in RocksDB. */
public final class Repeat {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long WINDOW_SECONDS = 90L * 86_400;
  private static final Set<String> CHANNELS = Set.of("phone", "web", "app", "wechat");
  private static final String STORE = "chains";

  record Ticket(
      String type, int version, String event_id, String ticket_id, String citizen,
      String occurred_at, String channel, String leaf, String department, String grid, String text,
      List<String> evidence, @JsonIgnore OffsetDateTime at) {
    Ticket {
      if (!"ticket.received".equals(type)) throw new IllegalArgumentException("type: " + type);
      if (!CHANNELS.contains(channel)) throw new IllegalArgumentException("channel: " + channel);
      for (Object field : new Object[] {event_id, ticket_id, citizen, leaf, department, grid, text, evidence})
        Objects.requireNonNull(field);
      at = OffsetDateTime.parse(occurred_at);
    }
  }

  @JsonFormat(shape = JsonFormat.Shape.ARRAY)
  @JsonPropertyOrder({"ticket", "seconds"})
  record Link(String ticket, long seconds) {}

  record Verdict(
      String event_id, String ticket_id, String citizen, String verdict, int chain_length,
      String first_ticket) {}

  /** The rule, as in bench/workload.py; changes {@code chain}. */
  private static Verdict advance(ArrayList<Link> chain, Ticket ticket) {
    long now = ticket.at().toEpochSecond();
    int stale = 0;
    while (stale < chain.size() && chain.get(stale).seconds() <= now - WINDOW_SECONDS) stale++;
    if (stale > 0) chain.subList(0, stale).clear();
    chain.add(new Link(ticket.ticket_id(), now));
    return new Verdict(
        ticket.event_id(), ticket.ticket_id(), ticket.citizen(),
        chain.size() > 1 ? "repeat" : "new", chain.size(), chain.get(0).ticket());
  }

  private static final class Detect implements Processor<String, Ticket, String, Verdict> {
    private static final AtomicBoolean ANNOUNCED = new AtomicBoolean();
    private ProcessorContext<String, Verdict> context;
    private KeyValueStore<String, ArrayList<Link>> chains;

    @Override
    public void init(ProcessorContext<String, Verdict> context) {
      this.context = context;
      this.chains = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, Ticket> record) {
      if (!ANNOUNCED.get() && ANNOUNCED.compareAndSet(false, true))
        System.out.println("FIRST " + System.currentTimeMillis() / 1e3);
      Ticket ticket = record.value();
      String key = ticket.citizen() + "|" + ticket.leaf();
      ArrayList<Link> chain = chains.get(key);
      if (chain == null) chain = new ArrayList<>();
      Verdict verdict = advance(chain, ticket);
      chains.put(key, chain);
      context.forward(record.withValue(verdict));
    }
  }

  private static <T> Serde<T> json(TypeReference<T> type) {
    ObjectWriter writer = JSON.writerFor(type);
    ObjectReader reader = JSON.readerFor(type);
    return Serdes.serdeFrom(
        (topic, value) -> {
          try {
            return value == null ? null : writer.writeValueAsBytes(value);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : reader.readValue(bytes);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static String order(String name) {
    return Objects.requireNonNull(System.getenv("BENCH_" + name), "BENCH_" + name + " is not set");
  }

  public static void main(String[] args) {
    Properties settings = new Properties();
    settings.put("application.id", order("GROUP"));
    settings.put("bootstrap.servers", order("BOOTSTRAP"));
    settings.put("state.dir", order("STATE_DIR"));
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("commit.interval.ms", "100");
    settings.put("num.stream.threads", "1");
    settings.put("replication.factor", "1");
    settings.put("statestore.cache.max.bytes", "67108864");
    settings.put("producer.compression.type", "lz4");
    settings.put("producer.linger.ms", "5");
    settings.put("producer.batch.size", "262144");
    settings.put("consumer.max.poll.records", "2000");
    settings.put("consumer.auto.offset.reset", "earliest");

    Topology topology = new Topology();
    topology.addSource(
        "tickets", new StringDeserializer(), json(new TypeReference<Ticket>() {}).deserializer(),
        order("INPUT"));
    topology.addProcessor("detect", Detect::new, "tickets");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.String(),
                json(new TypeReference<ArrayList<Link>>() {}))
            .withCachingEnabled(),
        "detect");
    topology.addSink(
        "verdicts", order("OUTPUT"), new StringSerializer(),
        json(new TypeReference<Verdict>() {}).serializer(), "detect");

    KafkaStreams streams = new KafkaStreams(topology, settings);
    streams.setUncaughtExceptionHandler(
        exception -> {
          exception.printStackTrace();
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
    streams.start();
  }
}
