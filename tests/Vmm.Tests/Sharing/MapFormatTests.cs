using System.Text;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing;

public sealed class MapFormatTests(ITestOutputHelper output)
{
    private static readonly string GoldenFolder = Path.Combine(AppContext.BaseDirectory, "Sharing", "Golden");

    [Theory]
    [InlineData(MapFormat.Json, "boot.json")]
    [InlineData(MapFormat.Csv, "boot.csv")]
    [InlineData(MapFormat.Bitmap, "boot.bin", "boot.bin.json")]
    public void Write_TheBootOfASmallGuest_IsTheGoldenFile(MapFormat format, params string[] files)
    {
        byte[][] written = MapFormats.Write(format, BootOfASmallGuest());
        Assert.Equal(files.Length, written.Length);
        for (int i = 0; i < files.Length; i++)
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(GoldenFolder, files[i])), written[i]);
        }
    }

    [Fact]
    public void Write_TheBootOfASmallGuestAsATable_IsTheGoldenFile()
    {
        using MemoryStream table = new();
        SharedRegionMapTable.Write(BootOfASmallGuest(), table);
        Assert.Equal(File.ReadAllText(Path.Combine(GoldenFolder, "boot.txt")), Encoding.ASCII.GetString(table.ToArray()));
    }

    [Theory]
    [InlineData(MapFormat.Json)]
    [InlineData(MapFormat.Csv)]
    [InlineData(MapFormat.Bitmap)]
    public void Read_WhatWasWritten_IsTheSameMap_AndIsWrittenAgainAsTheSameBytes(MapFormat format)
    {
        Random random = new(Seed(output));
        for (int i = 0; i < 400; i++)
        {
            SharedRegionMap map = i == 0 ? BootOfASmallGuest() : SampleMaps.Random(random);
            byte[][] files = MapFormats.Write(format, map);
            SharedRegionMap read = MapFormats.Read(format, files);
            AssertSame(map, read);
            Assert.Equal(files, MapFormats.Write(format, read));
        }
    }

    [Fact]
    public void Read_OneFormatWrittenAsAnother_LosesNothing()
    {
        SharedRegionMap map = MapFormats.Read(MapFormat.Bitmap, MapFormats.Write(MapFormat.Bitmap, BootOfASmallGuest()));
        map = MapFormats.Read(MapFormat.Csv, MapFormats.Write(MapFormat.Csv, map));
        map = MapFormats.Read(MapFormat.Json, MapFormats.Write(MapFormat.Json, map));
        AssertSame(BootOfASmallGuest(), map);
    }

    [Fact]
    public void Read_Map_AnswersAsTheOneItWasWrittenFrom()
    {
        Random random = new(Seed(output));
        for (int i = 0; i < 50; i++)
        {
            SharedRegionMap map = SampleMaps.Random(random);
            SharedRegionMap read = MapFormats.Read(MapFormat.Json, MapFormats.Write(MapFormat.Json, map));
            Assert.Empty(SharedRegionMap.Diff(map, read));
            for (int k = 0; k < 200; k++)
            {
                Gpa gpa = new((ulong)random.NextInt64((long)(map.Ram[^1].End.Value + 0x3000)));
                Assert.Equal(map.StateAt(gpa), read.StateAt(gpa));
            }
        }
    }

    [Fact]
    public void ReadJson_WhiteSpaceAndOrderOfNames_DoNotMatter()
    {
        const string Json = """
            { "ranges" : [ { "state":"shared", "end":"0x1000", "start":"0x0" } ], "ram":[{"end":"0x1000","start":"0x0"}],
              "totals":{"sharedPages":1,"unreportedPages":0,"privatePages":0}, "migrationReady":false,
              "capturedAt":"2025-01-31T23:59:59.1234567Z", "generation":1, "pageSize":4096,
              "vm":{"memoryBytes":4096,"cBit":39,"mode":"simulated"}, "schema":"kvmsev.encryption-map/1" }
            """;
        using MemoryStream input = new(Encoding.UTF8.GetBytes(Json));
        SharedRegionTracker tracker = Tracker(Range(0, 0x1000));
        _ = tracker.Set(Range(0, 0x1000), PageState.Shared);
        AssertSame(tracker.Snapshot(), SharedRegionMapJson.Read(input, "map"));
    }

    [Fact]
    public void WriteBitmap_CellsAreAsDocumented()
    {
        SharedRegionTracker tracker = Tracker(Pages(2, 5), Pages(100, 2));
        _ = tracker.Set(Pages(3, 1), PageState.Private);
        _ = tracker.Set(Pages(4, 2), PageState.Shared);
        _ = tracker.Set(Pages(100, 2), PageState.Shared);
        byte[] cells = MapFormats.Write(MapFormat.Bitmap, tracker.Snapshot())[0];
        Assert.Equal([0b10_10_01_00, 0b00_10_10_00], cells);
    }

    [Fact]
    public void WriteTable_AnyMap_HasLinesOfAtMost80PrintableCharacters()
    {
        Random random = new(Seed(output));
        SharedRegionTracker top = Tracker(Range(0, 1UL << 50), Range((1UL << 52) - 0x2000, 1UL << 52));
        _ = top.Set(Pages(3, 1), PageState.Unreported);
        SharedRegionMap widest = top.Snapshot().WithLabels(
            [new LabelledRange(Range((1UL << 52) - 0x1000, 1UL << 52), new RangeLabel(new string('\u4e16', 200), LabelCertainty.Likely))]);
        for (int i = 0; i < 200; i++)
        {
            SharedRegionMap map = i == 0 ? widest : SampleMaps.Random(random);
            using MemoryStream table = new();
            SharedRegionMapTable.Write(map, table);
            string[] lines = Encoding.ASCII.GetString(table.ToArray()).Split('\n');
            Assert.All(lines, static line => Assert.InRange(line.Length, 0, SharedRegionMapTable.Width));
            Assert.All(lines, static line => Assert.DoesNotContain(line, char.IsControl));
            Assert.All(lines, static line => Assert.Equal(line.TrimEnd(), line));
            int runs = map.EnumerateRuns().Count();
            Assert.Equal(runs, lines.Count(static line => line.StartsWith("0x", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData(4096, "4 KiB")]
    [InlineData(160 * 4096, "640 KiB")]
    [InlineData(1023 * 1024, "1023 KiB")]
    [InlineData(1024 * 1024, "1 MiB")]
    [InlineData(1028 * 1024, "1.0 MiB")]
    [InlineData(1535UL << 20, "1.4 GiB")]
    [InlineData(1UL << 52, "4 PiB")]
    public void Size_IsRoundedDown_InTheLargestUnit(ulong bytes, string words) => Assert.Equal(words, SharedRegionMapTable.Size(bytes));

    [Theory]
    [InlineData(MapFormat.Json)]
    [InlineData(MapFormat.Csv)]
    [InlineData(MapFormat.Bitmap)]
    public void Write_AMapOfAMillionRuns_TakesConstantMemory(MapFormat format)
    {
        SharedRegionTracker tracker = Tracker(Pages(0, 1_000_000));
        for (ulong page = 0; page < 1_000_000; page += 2)
        {
            _ = tracker.Set(Pages(page, 1), PageState.Shared);
        }

        SharedRegionMap map = tracker.Snapshot();
        using CountingStream written = new();
        switch (format)
        {
            case MapFormat.Json:
                SharedRegionMapJson.Write(map, written);
                break;
            case MapFormat.Csv:
                SharedRegionMapCsv.Write(map, written);
                break;
            default:
                SharedRegionMapBitmap.Write(map, written, new MemoryStream());
                break;
        }

        Assert.InRange(written.Bytes, 250_000, long.MaxValue);
        Assert.InRange(written.LargestWrite, 1, 128 * 1024);
    }

    [Fact]
    public void Read_AMapOfAMillionRuns_WorksInEachFormat()
    {
        SharedRegionTracker tracker = Tracker(Pages(0, 1_000_000));
        for (ulong page = 0; page < 1_000_000; page += 2)
        {
            _ = tracker.Set(Pages(page, 1), PageState.Shared);
        }

        SharedRegionMap map = tracker.Snapshot();
        foreach (MapFormat format in Enum.GetValues<MapFormat>())
        {
            SharedRegionMap read = MapFormats.Read(format, MapFormats.Write(format, map));
            Assert.Equal(1_000_000, read.EnumerateRuns().Count());
            Assert.Empty(SharedRegionMap.Diff(map, read));
        }
    }

    private sealed class CountingStream : MemoryStream
    {
        public long Bytes { get; private set; }

        public int LargestWrite { get; private set; }

        public override void Write(byte[] buffer, int offset, int count) => Count(count);

        public override void Write(ReadOnlySpan<byte> buffer) => Count(buffer.Length);

        private void Count(int count)
        {
            Bytes += count;
            LargestWrite = Math.Max(LargestWrite, count);
        }
    }
}
