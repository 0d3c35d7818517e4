using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using KvmSevVmm.Vmm.Control;

namespace KvmSevVmm.LabProbe;

/// <summary>
/// Clients of a real machine's control socket: one that dumps the map all the time, one that stops it, lets it go on and ends it.
/// </summary>
internal static partial class ControlDrive
{
    /// <summary>The verb of <see cref="Watch"/>.</summary>
    public const string WatchVerb = "watch";

    /// <summary>The verb of <see cref="Drive"/>.</summary>
    public const string DriveVerb = "drive";

    /// <summary>The verb of <see cref="Say"/>.</summary>
    public const string SayVerb = "say";

    private const int WatchPeriodMs = 100;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(200);
    private static readonly TimeSpan Standstill = TimeSpan.FromSeconds(4);

    /// <summary>
    /// Dumps the map and what is new in the journal every 100 ms until the machine is gone, one answer a line; says how many maps there
    /// were and how long the slowest took.
    /// </summary>
    /// <param name="socket">The control socket.</param>
    /// <param name="mapFile">Where the maps go.</param>
    /// <param name="journalFile">Where the journal goes.</param>
    public static void Watch(string socket, string mapFile, string journalFile)
    {
        using StreamWriter maps = new(mapFile);
        using StreamWriter journal = new(journalFile);
        using ControlClient client = Connect(socket);
        WaitFor("the guest", () => client.Execute("query-status").GetProperty("running").GetBoolean());
        ulong generation = 0;
        long longest = 0;
        int count = 0;
        try
        {
            while (true)
            {
                long start = Stopwatch.GetTimestamp();
                maps.WriteLine(client.Execute("x-kvmsev-query-map").GetRawText());
                count++;
                int took = (int)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                longest = Math.Max(longest, took);
                generation = WriteJournal(client, generation, journal);
                Thread.Sleep(Math.Max(0, WatchPeriodMs - (int)Stopwatch.GetElapsedTime(start).TotalMilliseconds));
            }
        }
        catch (Exception gone) when (gone is IOException or QmpException)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"watched: {count} maps, the slowest in {longest} ms"));
            Console.WriteLine($"watched: the end: {gone.Message}");
        }
    }

    /// <summary>
    /// Stops a guest in the middle of its boot, looks whether it stands still, lets it go on, and presses the power button when it waits
    /// for that. Says what it saw, line by line.
    /// </summary>
    /// <param name="socket">The control socket.</param>
    /// <param name="console">The file with the guest's console.</param>
    /// <param name="ready">What the guest says when it waits.</param>
    public static void Drive(string socket, string console, string ready)
    {
        using ControlClient client = Connect(socket);
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Connect(new UnixDomainSocketEndPoint(socket));
        listener.Send("{\"execute\":\"qmp_capabilities\"}"u8);
        WaitFor("the console's first words", () => Length(console) > 2000);
        long before = Length(console);
        WaitFor("the console's next words", () => Length(console) > before);
        long start = Stopwatch.GetTimestamp();

        client.Execute("stop");
        Thread.Sleep(300);
        (string exits, long length) = (client.Execute("x-kvmsev-query-exits").GetRawText(), Length(console));
        Thread.Sleep(Standstill);
        Report("stop: status", client.Execute("query-status").GetRawText());
        Report("stop: no exit more", exits == client.Execute("x-kvmsev-query-exits").GetRawText());
        Report("stop: no word more", length == Length(console));
        string labels = string.Join(',', Labels(client.Execute("x-kvmsev-query-map")));
        Report("stop: labels", labels);
        client.Execute("cont");
        Report("cont: status", client.Execute("query-status").GetRawText());
        WaitFor("the console's words after the stop", () => TimesAfter(console, length).Length > 0);
        ReportClock(Stopwatch.GetElapsedTime(start), TimesBefore(console, length)[^1], TimesAfter(console, length)[0]);
        WaitFor("the guest to be ready", () => File.ReadAllText(console, Encoding.Latin1).Contains(ready, StringComparison.Ordinal));
        Report("cont: the guest goes on", true);
        Report("cpus", client.Execute("query-cpus-fast").GetArrayLength().ToString(CultureInfo.InvariantCulture));
        client.Execute("system_powerdown");
        Report("events", string.Join(',', Events(listener)));
    }

    /// <summary>Executes one command and prints its answer.</summary>
    /// <param name="socket">The control socket.</param>
    /// <param name="command">The command, without arguments.</param>
    public static void Say(string socket, string command)
    {
        using ControlClient client = Connect(socket);
        Console.WriteLine(client.Execute(command).GetRawText());
    }

    private static ulong WriteJournal(ControlClient client, ulong generation, StreamWriter journal)
    {
        while (true)
        {
            JsonElement batch = client.Execute("x-kvmsev-query-journal", json => json.WriteNumber("since"u8, generation));
            foreach (JsonElement call in batch.GetProperty("calls").EnumerateArray())
            {
                journal.WriteLine(call.GetRawText());
                generation = call.GetProperty("generation").GetUInt64();
            }

            if (generation >= batch.GetProperty("generation").GetUInt64())
            {
                return generation;
            }
        }
    }

    private static ControlClient Connect(string socket)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return ControlClient.Connect(socket, Deadline);
            }
            catch (IOException) when (Stopwatch.GetElapsedTime(start) < Deadline)
            {
                // The machine is not there yet.
                Thread.Sleep(20);
            }
        }
    }

    private static void WaitFor(string what, Func<bool> isThere)
    {
        if (!SpinWait.SpinUntil(() => Wait() && isThere(), Deadline))
        {
            throw new TimeoutException($"{what} did not come");
        }

        static bool Wait()
        {
            Thread.Sleep(20);
            return true;
        }
    }

    private static IEnumerable<string> Labels(JsonElement map) => map.GetProperty("ranges").EnumerateArray()
        .Where(static range => range.TryGetProperty("label", out _))
        .Select(static range => range.GetProperty("label").GetProperty("text").GetString()!)
        .Distinct()
        .Order();

    private static IEnumerable<string> Events(Socket listener)
    {
        using StreamReader reader = new(new NetworkStream(listener));
        while (reader.ReadLine() is string line)
        {
            using JsonDocument message = JsonDocument.Parse(line);
            if (message.RootElement.TryGetProperty("event", out JsonElement name) && name.GetString() is string known
                && known != "x-kvmsev-map-changed")
            {
                yield return known;
            }
        }
    }

    /// <summary>
    /// Between the last line before the stop and the first one after it, the guest's clock must have gone on for as long as the host's,
    /// less the standstill; a second of that is left to the host's looking.
    /// </summary>
    private static void ReportClock(TimeSpan host, double before, double after)
    {
        Console.Error.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"host {host.TotalSeconds:0.0} s, guest {after - before:0.0} s"));
        Report("stop: the clock stood still", after - before <= (host - Standstill).TotalSeconds + 1);
    }

    private static double[] TimesBefore(string console, long length) => Times(File.ReadAllText(console, Encoding.Latin1)[..(int)length]);

    private static double[] TimesAfter(string console, long length) => Times(File.ReadAllText(console, Encoding.Latin1)[(int)length..]);

    private static double[] Times(string text) => [.. KernelTime().Matches(text).Select(
        static line => double.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"^\[ *(\d+\.\d+)\] ", RegexOptions.Multiline)]
    private static partial Regex KernelTime();

    private static long Length(string file) => File.Exists(file) ? new FileInfo(file).Length : 0;

    private static void Report(string what, bool isTrue) => Report(what, isTrue ? "yes" : "no");

    private static void Report(string what, string seen) => Console.WriteLine($"{what}: {seen}");
}
