using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using KvmSevVmm.TestSupport.Sharing;
using Xunit;

namespace KvmSevVmm.Vmm.Tests;

public sealed class EventLogTests
{
    [Fact]
    public void Events_AreLinesAsDocumented()
    {
        using MemoryStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        log.MapGpaRange(0, 0, 160, 0x10, 0);
        log.MapGpaRange(3, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, -22);
        log.MsrWrite(1, 0x4b564d08, 1);
        log.MsrRead(1, 0xc0010131, ulong.MaxValue);
        log.Lifecycle("first-run");
        log.Lifecycle("stopped", "by the user");
        log.MemoryFault(2, 0x1f000, 0x1000, 8);
        log.Flush();

        string[] expected =
        [
            """{"t":T,"event":"map-gpa-range","vcpu":0,"gpa":"0x0","pages":160,"attributes":"0x10","result":0}""",
            """{"t":T,"event":"map-gpa-range","vcpu":3,"gpa":"0xffffffffffffffff","pages":18446744073709551615,"""
                + "\"attributes\":\"0xffffffffffffffff\",\"result\":-22}",
            """{"t":T,"event":"msr-write","vcpu":1,"index":"0x4b564d08","value":"0x1"}""",
            """{"t":T,"event":"msr-read","vcpu":1,"index":"0xc0010131","value":"0xffffffffffffffff"}""",
            """{"t":T,"event":"lifecycle","name":"first-run"}""",
            """{"t":T,"event":"lifecycle","name":"stopped","detail":"by the user"}""",
            """{"t":T,"event":"memory-fault","vcpu":2,"gpa":"0x1f000","size":"0x1000","flags":"0x8"}""",
        ];
        string text = Encoding.UTF8.GetString(output.ToArray());
        Assert.EndsWith("}\n", text, StringComparison.Ordinal);
        IEnumerable<string> lines = text.TrimEnd('\n').Split('\n');
        Assert.Equal(expected, lines.Select(static line => Regex.Replace(line, "\"t\":[0-9]+[.][0-9]{6},", "\"t\":T,")));
        Assert.Equal(7, log.Events);
        Assert.Equal(0, log.LostEvents);
        Assert.Null(log.Failure);
    }

    [Fact]
    public void Times_AreSecondsSinceTheStart_AndNeverRunBackwards()
    {
        using MemoryStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp() - (Stopwatch.Frequency * 1234));
        for (int i = 0; i < 1000; i++)
        {
            log.MapGpaRange(0, 0, 1, 0, 0);
        }

        log.Flush();
        IReadOnlyList<MapGpaRangeEvent> calls = EventLogReader.ReadMapGpaRangeCalls(Lines(output));
        Assert.Equal(1000, calls.Count);
        Assert.InRange(calls[0].Seconds, 1234, 1300);
    }

    [Theory]
    [InlineData("")]
    [InlineData("quotes \" and \\ and / and \t\r\n\0\u001b")]
    [InlineData("b\u00e9b\u00e9 \u4e16 \U0001f600 \u2028")]
    [InlineData("</script>&'+")]
    public void Texts_AreEscaped_AndReadBackAsTheyWere(string text)
    {
        using MemoryStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        log.Lifecycle(text, text);
        log.Flush();
        string line = Assert.Single(Lines(output));
        Assert.All(line, static character => Assert.InRange(character, ' ', '~'));
        using JsonDocument document = JsonDocument.Parse(line);
        Assert.Equal(text, document.RootElement.GetProperty("name").GetString());
        Assert.Equal(text, document.RootElement.GetProperty("detail").GetString());
    }

    [Fact]
    public void Texts_OfAnyLengthAndWithSurrogatesAnywhere_AreWhole()
    {
        Random random = new(5);
        for (int i = 0; i < 300; i++)
        {
            StringBuilder text = new();
            for (int k = random.Next(300); k > 0; k--)
            {
                _ = text.Append(random.Next(3) == 0 ? "\U0001f600" : "a");
            }

            using MemoryStream output = new();
            using EventLog log = new(output, Stopwatch.GetTimestamp());
            log.Lifecycle("x", text.ToString());
            log.Flush();
            using JsonDocument document = JsonDocument.Parse(Assert.Single(Lines(output)));
            Assert.Equal(text.ToString(), document.RootElement.GetProperty("detail").GetString());
        }
    }

    [Fact]
    public void Texts_LongerThanTheBuffer_AreWhole()
    {
        string text = string.Concat(Enumerable.Repeat("0123456789\n\u4e16", 50_000));
        using MemoryStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        log.Lifecycle("long", text);
        log.MsrRead(0, 0, 0);
        log.Flush();
        string[] lines = Lines(output);
        Assert.Equal(2, lines.Length);
        using JsonDocument document = JsonDocument.Parse(lines[0]);
        Assert.Equal(text, document.RootElement.GetProperty("detail").GetString());
    }

    [Fact]
    public void Texts_WithHalfASurrogatePair_GiveAReplacementCharacter()
    {
        using MemoryStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        log.Lifecycle("x", "a\ud800b\udc00");
        log.Flush();
        using JsonDocument document = JsonDocument.Parse(Assert.Single(Lines(output)));
        Assert.Equal("a\ufffdb\ufffd", document.RootElement.GetProperty("detail").GetString());
    }

    [Fact]
    public void Events_AreWrittenWholeLinesAtATime_WhenTheBufferIsFull()
    {
        using RecordingStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        for (int i = 0; i < 5000; i++)
        {
            log.MapGpaRange(0, (ulong)i << 12, 1, 0, 0);
        }

        Assert.InRange(output.Writes.Count, 5, 20);
        Assert.All(output.Writes, static write => Assert.InRange(write.Length, 60 * 1024, 64 * 1024));
        Assert.All(output.Writes, static write => Assert.Equal((byte)'\n', write[^1]));
        log.Flush();
        int count = output.Writes.Count;
        log.Flush();
        Assert.Equal(count, output.Writes.Count);
        Assert.Equal(5000, output.Writes.Sum(static write => write.Count(static value => value == '\n')));
    }

    [Fact]
    public void Events_AllocateNothing_WritesToAFileIncluded()
    {
        string path = Path.GetTempFileName();
        try
        {
            using EventLog log = EventLog.Create(path, Stopwatch.GetTimestamp());
            Log(log);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Log(log);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Null(log.Failure);
            Assert.True(new FileInfo(path).Length > 1 << 20, "there were writes");
        }
        finally
        {
            File.Delete(path);
        }

        static void Log(EventLog log)
        {
            for (int i = 0; i < 5000; i++)
            {
                log.MapGpaRange(1, (ulong)i << 12, 1, 0x10, 0);
                log.MsrWrite(1, 0x4b564d08, 1);
                log.MsrRead(1, 0xc0010131, 1);
                log.MemoryFault(1, 0x1000, 0x1000, 8);
                log.Lifecycle("paused", "a detail with \"quotes\"");
            }

            log.Flush();
        }
    }

    [Fact]
    public void Failure_IsKeptOnce_NothingIsThrown_AndLostEventsAreCounted()
    {
        FailingStream output = new(goodWrites: 2);
        EventLog log = new(output, Stopwatch.GetTimestamp());
        for (int i = 0; i < 5000; i++)
        {
            log.MapGpaRange(0, 0, 1, 0, 0);
        }

        log.Flush();
        IOException failure = Assert.IsType<IOException>(log.Failure);
        Assert.Equal("write 3", failure.Message);
        Assert.Equal(3, output.Writes);
        Assert.Equal(5000, log.Events);
        Assert.Equal(5000 - output.GoodLines, log.LostEvents);
        log.Dispose();
        Assert.Same(failure, log.Failure);
    }

    [Fact]
    public void Failure_InTheMiddleOfALongText_CountsThatEventToo()
    {
        FailingStream output = new(goodWrites: 1);
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        log.Lifecycle("long", new string('a', 200_000));
        log.MsrRead(0, 0, 0);
        Assert.NotNull(log.Failure);
        Assert.Equal(2, log.LostEvents);
        Assert.Equal(2, log.Events);
    }

    [Fact]
    public void Failure_OnAFullDisk_IsTheOperatingSystemsWord()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "this system has no /dev/full");
        using FileStream full = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        using EventLog log = new(full, Stopwatch.GetTimestamp());
        log.Lifecycle("start");
        Assert.Null(log.Failure);
        log.Flush();
        Assert.Contains("No space left on device", log.Failure?.Message, StringComparison.Ordinal);
        Assert.Equal(1, log.LostEvents);
    }

    [Fact]
    public void Dispose_WritesWhatIsLeft_AndLaterEventsAreLost()
    {
        RecordingStream output = new();
        EventLog log = new(output, Stopwatch.GetTimestamp());
        log.Lifecycle("a");
        log.Dispose();
        log.Lifecycle("b");
        log.Flush();
        log.Dispose();
        Assert.Single(output.Writes);
        Assert.Equal(1, log.LostEvents);
        Assert.Equal(2, log.Events);
        Assert.Null(log.Failure);
    }

    [Fact]
    public void Create_MakesAFileForItsOwnerOnly_AndEmptiesAnOldOne()
    {
        string folder = Directory.CreateTempSubdirectory("kvmsev").FullName;
        try
        {
            string path = Path.Combine(folder, "events.jsonl");
            EventLog.Create(path, 0).Dispose();
            if (OperatingSystem.IsLinux())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            }

            File.WriteAllText(path, "old");
            EventLog.Create(path, 0).Dispose();
            Assert.Equal("", File.ReadAllText(path));
            Assert.Throws<DirectoryNotFoundException>(() => EventLog.Create(Path.Combine(folder, "no", "events.jsonl"), 0));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Events_FromManyThreads_AreWholeLines()
    {
        using MemoryStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        await Task.WhenAll(Enumerable.Range(0, 4).Select(vcpu => Task.Run(
            () =>
            {
                for (int i = 0; i < 5000; i++)
                {
                    log.MapGpaRange(vcpu, (ulong)i << 12, 1, 0, 0);
                }
            },
            TestContext.Current.CancellationToken)));
        log.Flush();
        IReadOnlyList<MapGpaRangeEvent> calls = EventLogReader.ReadMapGpaRangeCalls(Lines(output));
        Assert.Equal(20_000, calls.Count);
        Assert.All(
            calls.GroupBy(static call => call.Vcpu),
            static group => Assert.Equal(
                Enumerable.Range(0, 5000).Select(static i => (ulong)i << 12), group.Select(static call => call.Gpa)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"t\":1.0,\"event\":\"map-gpa-range\",\"vcpu\":0,\"gpa\":\"0x0\",\"pages\":160,\"attrib")]
    [InlineData("{\"t\":1.0,\"event\":\"map-gpa-range\",\"vcpu\":0,\"gpa\":0,\"pages\":160,\"attributes\":\"0x10\",\"result\":0}")]
    [InlineData("{\"event\":\"lifecycle\",\"name\":\"x\"}")]
    public void TestReader_ALineThatIsNoEvent_IsNotSkipped(string line)
    {
        const string Good = "{\"t\":0.5,\"event\":\"lifecycle\",\"name\":\"start\"}";
        Assert.Empty(EventLogReader.ReadMapGpaRangeCalls([Good]));
        Assert.Throws<InvalidDataException>(() => EventLogReader.ReadMapGpaRangeCalls([Good, line]));
    }

    private static string[] Lines(MemoryStream output) => Encoding.UTF8.GetString(output.ToArray()).TrimEnd('\n').Split('\n');

    private sealed class RecordingStream : MemoryStream
    {
        public List<byte[]> Writes { get; } = [];

        public override void Write(byte[] buffer, int offset, int count) => Writes.Add(buffer[offset..(offset + count)]);
    }

    private sealed class FailingStream(int goodWrites) : MemoryStream
    {
        public int Writes { get; private set; }

        public int GoodLines { get; private set; }

        public override void Write(byte[] buffer, int offset, int count)
        {
            Writes++;
            if (Writes > goodWrites)
            {
                throw new IOException($"write {Writes}");
            }

            GoodLines += buffer.AsSpan(offset, count).Count((byte)'\n');
        }
    }
}
