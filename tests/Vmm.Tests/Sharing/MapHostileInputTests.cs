using System.Text;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing;

/// <summary>Files that somebody else made: an error names the field, and nothing else happens.</summary>
public sealed class MapHostileInputTests(ITestOutputHelper output)
{
    // What map and bitmap header have in common; the canonical form has it on one line.
    private const string Common =
        """ "vm":{"mode":"simulated","cBit":39,"memoryBytes":65536},"pageSize":4096,"generation":3,"""
        + """ "capturedAt":"2025-01-31T23:59:59.1234567Z","migrationReady":true,"""
        + """ "totals":{"privatePages":9,"sharedPages":4,"unreportedPages":2},"""
        + """ "ram":[{"start":"0x0","end":"0xa000"},{"start":"0xb000","end":"0x10000"}],""";

    private const string Runs = """
        "ranges":[
        {"start":"0x0","end":"0x4000","state":"private"},
        {"start":"0x4000","end":"0x8000","state":"shared","label":{"text":"pool","certainty":"likely"}},
        {"start":"0x8000","end":"0xa000","state":"unreported"},
        {"start":"0xb000","end":"0x10000","state":"private"}]}

        """;

    private const string Csv = """
        # schema=kvmsev.encryption-map/1
        # mode=simulated
        # cBit=39
        # memoryBytes=65536
        # pageSize=4096
        # generation=3
        # capturedAt=2025-01-31T23:59:59.1234567Z
        # migrationReady=true
        # privatePages=9
        # sharedPages=4
        # unreportedPages=2
        # ram=0x0-0xa000
        # ram=0xb000-0x10000
        start,end,pages,state,label,certainty
        0x0,0x4000,4,private,,
        0x4000,0x8000,4,shared,"a,b",likely
        0x8000,0xa000,2,unreported,,
        0xb000,0x10000,5,private,,

        """;

    private const string HeaderEnd = """
        "bitmap":{"bitsPerPage":2,"bytes":4},"labels":[{"start":"0x4000","end":"0x8000","text":"pool","certainty":"likely"}]}

        """;

    private static readonly string Json =
        "{\"schema\":\"kvmsev.encryption-map/1\"," + Common.Replace(" ", "", StringComparison.Ordinal) + Runs;

    private static readonly string Header =
        "{\"schema\":\"kvmsev.encryption-bitmap/1\"," + Common.Replace(" ", "", StringComparison.Ordinal) + HeaderEnd;

    private static readonly byte[] Syntax = [.. "0123456789abcdefx,\"\\{}[]:-\n "u8];

    private static readonly byte[] Cells = [0b01_01_01_01, 0b10_10_10_10, 0b01_01_00_00, 0b00_01_01_01];

    [Fact]
    public void Read_TheFilesThatTheOtherTestsSpoil_AreGood()
    {
        Assert.Equal(Text(Json), MapFormats.Write(MapFormat.Json, ReadText(MapFormat.Json, Json)));
        Assert.Equal(Text(Csv), MapFormats.Write(MapFormat.Csv, ReadText(MapFormat.Csv, Csv)));
        Assert.Equal([Cells, .. Text(Header)], MapFormats.Write(MapFormat.Bitmap, ReadText(MapFormat.Bitmap, Header)));
    }

    [Theory]
    [InlineData("map/1", "map/2", "schema")]
    [InlineData("\"kvmsev.encryption-map/1\"", "1", "schema")]
    [InlineData("\"schema\":\"kvmsev.encryption-map/1\",", "", "schema")]
    [InlineData("\"mode\":\"simulated\"", "\"mode\":\"sev\\u001b\"", "vm.mode")]
    [InlineData("\"mode\":\"simulated\"", "\"mode\":7", "vm.mode")]
    [InlineData("\"cBit\":39", "\"cBit\":64", "vm.cBit")]
    [InlineData("\"cBit\":39", "\"cBit\":-1", "vm.cBit")]
    [InlineData("\"cBit\":39", "\"cBit\":\"39\"", "vm.cBit")]
    [InlineData("\"cBit\":39,", "", "vm.cBit")]
    [InlineData("\"memoryBytes\":65536", "\"memoryBytes\":65536.5", "vm.memoryBytes")]
    [InlineData("\"memoryBytes\":65536", "\"memoryBytes\":18446744073709551616", "vm.memoryBytes")]
    [InlineData("\"memoryBytes\":65536", "\"memoryBytes\":6e4", "vm.memoryBytes")]
    [InlineData("\"memoryBytes\":65536", "\"memoryBytes\":65536,\"x\":1", "vm")]
    [InlineData("4096", "8192", "pageSize")]
    [InlineData("\"generation\":3", "\"generation\":null", "generation")]
    [InlineData("\"generation\":3", "\"generation\":3,\"generation\":3", "generation")]
    [InlineData("59.1234567Z", "59Z", "capturedAt")]
    [InlineData("2025-01-31", "2025-02-31", "capturedAt")]
    [InlineData("true", "1", "migrationReady")]
    [InlineData("\"privatePages\":9", "\"privatePages\":8", "totals.privatePages")]
    [InlineData("\"sharedPages\":4", "\"sharedPages\":5", "totals.sharedPages")]
    [InlineData("\"unreportedPages\":2", "\"unreportedPages\":0", "totals.unreportedPages")]
    [InlineData("\"ram\":[{\"start\":\"0x0\"", "\"ram\":[{\"start\":\"0x1\"", "ram[0].start")]
    [InlineData("\"end\":\"0xa000\"},{", "\"end\":\"0xb000\"},{", "ram[1].start")]
    [InlineData("\"end\":\"0xa000\"},{", "\"end\":\"0xc000\"},{", "ram[1].start")]
    [InlineData("[{\"start\":\"0x0\",\"end\":\"0xa000\"},{\"start\":\"0xb000\",\"end\":\"0x10000\"}]", "[]", "ram")]
    [InlineData("\"0x10000\"}],\"ranges\"", "\"0x11000\"}],\"ranges\"", "ranges")]
    [InlineData("\"0x10000\"}],\"ranges\"", "\"0x10000000001000\"}],\"ranges\"", "ram[1].end")]
    [InlineData("{\"start\":\"0x0\",\"end\":\"0x4000\"", "{\"start\":\"0x1000\",\"end\":\"0x4000\"", "ranges")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":\"0x3000\"", "ranges[1].start")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":\"0x4800\"", "ranges[1].start")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":\"0x5000\"", "ranges")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":\"0X4000\"", "ranges[1].start")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":\"0x04000\"", "ranges[1].start")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":\"16384\"", "ranges[1].start")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":16384", "ranges[1].start")]
    [InlineData("{\"start\":\"0x4000\"", "{\"start\":\"0x10000000000004000\"", "ranges[1].start")]
    [InlineData("{\"start\":\"0x4000\",\"end\":\"0x8000\"", "{\"start\":\"0x4000\",\"end\":\"0x4000\"", "ranges[1].end")]
    [InlineData("{\"start\":\"0x4000\",\"end\":\"0x8000\"", "{\"start\":\"0x4000\"", "ranges[1].end")]
    [InlineData("\"end\":\"0xa000\",\"state\"", "\"end\":\"0xb000\",\"state\"", "ranges")]
    [InlineData("{\"start\":\"0x8000\",\"end\":\"0xa000\",\"state\":\"unreported\"},", "", "ranges")]
    [InlineData("\"unreported\"", "\"Private\"", "ranges[2].state")]
    [InlineData("\"shared\",\"label\":{\"text\":\"pool\",\"certainty\":\"likely\"}", "\"private\"", "ranges[1].state")]
    [InlineData("\"text\":\"pool\"", "\"text\":\"\"", "ranges[1].label.text")]
    [InlineData("\"text\":\"pool\"", "\"text\":\"\\u001b[2J\"", "ranges[1].label.text")]
    [InlineData("\"text\":\"pool\"", "\"text\":\"\\ud800\"", "ranges[1].label.text")]
    [InlineData("\"likely\"", "\"sure\"", "ranges[1].label.certainty")]
    [InlineData(",\"certainty\":\"likely\"", "", "ranges[1].label.certainty")]
    [InlineData("\"state\":\"unreported\"", "\"state\":\"unreported\",\"label\":null", "ranges[2].label")]
    [InlineData("]}\n", "]} x", "document")]
    [InlineData("{\"schema\"", "[{\"schema\"", "document")]
    [InlineData("{\"schema\"", "\ufeff{\"schema\"", "document")]
    [InlineData("\"generation\":3", "\"generation\":03", "generation")]
    public void ReadJson_SpoiltField_IsNamed(string good, string bad, string field) =>
        AssertNames(MapFormat.Json, Spoil(Json, good, bad), field);

    [Theory]
    [InlineData("map/1", "map/2", "line 1, schema")]
    [InlineData("# mode=simulated\n", "", "line 2, mode")]
    [InlineData("mode=simulated", "mode=Simulated", "line 2, mode")]
    [InlineData("cBit=39", "cBit=039", "line 3, cBit")]
    [InlineData("65536", "+65536", "line 4, memoryBytes")]
    [InlineData("4096", "4095", "line 5, pageSize")]
    [InlineData("generation=3", "generation=", "line 6, generation")]
    [InlineData("T23", "T24", "line 7, capturedAt")]
    [InlineData("true", "True", "line 8, migrationReady")]
    [InlineData("privatePages=9", "privatePages=10", "totals.privatePages")]
    [InlineData("# ram=0xb000", "# ram=0xa000", "line 13, ram")]
    [InlineData("# ram=0xb000-", "# ram=0xb000:", "line 13, ram")]
    [InlineData("# ram=0x0-0xa000\n# ram=0xb000-0x10000\n", "", "line 12, ram")]
    [InlineData("start,end,pages", "start,end,page", "line 14, ram")]
    [InlineData("0x0,0x4000", "0,0x4000", "line 15, start")]
    [InlineData("0x4000,0x8000,4", "0x3000,0x8000,5", "line 16, start")]
    [InlineData("0x4000,0x8000", "0x4000,0x80001", "line 16, end")]
    [InlineData("0x8000,4", "0x8000,5", "line 16, pages")]
    [InlineData("4,shared", "4,public", "line 16, state")]
    [InlineData("shared,\"a,b\",likely", "private,,", "line 16, state")]
    [InlineData("\"a,b\"", "\"a\"", "line 16, label")]
    [InlineData("\"a,b\"", "\"a,b", "line 16, columns")]
    [InlineData("\"a,b\"", "\"a,b\"c", "line 16, columns")]
    [InlineData("\"a,b\"", "a\"b", "line 16, columns")]
    [InlineData("\"a,b\"", "\"", "line 16, columns")]
    [InlineData("\"a,b\"", "a\tb", "line 16, label")]
    [InlineData("likely", "", "line 16, certainty")]
    [InlineData("\"a,b\",likely", "\"a,b\",likely,", "line 16, columns")]
    [InlineData("\"a,b\",likely", ",likely", "line 16, label")]
    [InlineData("0x8000,0xa000,2,unreported,,\n", "", "runs")]
    [InlineData("5,private,,\n", "5,private,,", "line 18")]
    [InlineData("5,private,,\n", "5,private,,\n\n", "line 19, columns")]
    [InlineData("\n", "\r\n", "line 1, schema")]
    public void ReadCsv_SpoiltField_IsNamed(string good, string bad, string field) =>
        AssertNames(MapFormat.Csv, Spoil(Csv, good, bad), field);

    [Theory]
    [InlineData("bitmap/1", "map/1", "schema")]
    [InlineData("\"bitsPerPage\":2", "\"bitsPerPage\":1", "bitmap.bitsPerPage")]
    [InlineData("\"bytes\":4", "\"bytes\":5", "bitmap.bytes")]
    [InlineData("\"bitmap\":{\"bitsPerPage\":2,\"bytes\":4},", "", "bitmap")]
    [InlineData("\"privatePages\":9", "\"privatePages\":7", "totals.privatePages")]
    [InlineData("\"start\":\"0x4000\"", "\"start\":\"0x4001\"", "labels[0].start")]
    [InlineData("\"end\":\"0x8000\"", "\"end\":\"0x4000\"", "labels[0].end")]
    [InlineData("\"end\":\"0x8000\"", "\"end\":\"0xc000\"", "labels[0]")]
    [InlineData("\"text\":\"pool\"", "\"text\":\"a\\nb\"", "labels[0].text")]
    [InlineData("y\"}]", "y\"},{\"start\":\"0x8000\",\"end\":\"0x9000\",\"text\":\"pool\",\"certainty\":\"likely\"}]", "labels[1].start")]
    [InlineData("y\"}]", "y\"},{\"start\":\"0x7000\",\"end\":\"0x9000\",\"text\":\"b\",\"certainty\":\"likely\"}]", "labels[1].start")]
    public void ReadBitmapHeader_SpoiltField_IsNamed(string good, string bad, string field) =>
        AssertNames(MapFormat.Bitmap, Spoil(Header, good, bad), field);

    [Fact]
    public void ReadBitmap_SpoiltCells_NameTheByte()
    {
        AssertBitmapNames(Cells[..3], "byte 3");
        AssertBitmapNames([.. Cells, 0], "byte 4");
        AssertBitmapNames([.. Cells[..3], 0b01_01_01_01], "byte 3");
        AssertBitmapNames([.. Cells[..1], 0b10_11_10_10, .. Cells[2..]], "byte 1");
        AssertBitmapNames([0b01_01_01_00, .. Cells[1..]], "totals.privatePages");

        static void AssertBitmapNames(byte[] cells, string field)
        {
            InvalidInputException error = Assert.Throws<InvalidInputException>(
                () => MapFormats.Read(MapFormat.Bitmap, [cells, Encoding.UTF8.GetBytes(Header)]));
            Assert.Equal(field, error.Field);
        }
    }

    [Fact]
    public void ReadBitmap_MoreRamThanCanBeMapped_IsRefusedByName()
    {
        string header = Spoil(Header, "[{\"start\":\"0x0\",\"end\":\"0xa000\"},{\"start\":\"0xb000\",", "[{\"start\":\"0x0\",");
        header = Spoil(header, "\"end\":\"0x10000\"", "\"end\":\"0x10000000000000\"");
        header = Spoil(header, "\"bytes\":4", "\"bytes\":274877906944");
        AssertNames(MapFormat.Bitmap, header, "ram");
    }

    [Theory]
    [InlineData(MapFormat.Json)]
    [InlineData(MapFormat.Csv)]
    [InlineData(MapFormat.Bitmap)]
    public void Read_EveryTruncation_IsRefusedWithAField(MapFormat format)
    {
        byte[][] files = MapFormats.Write(format, BootOfASmallGuest());
        for (int file = 0; file < files.Length; file++)
        {
            // The bitmap of a real guest is long and all alike: its last bytes and a sample will do.
            int step = files[file].Length > 10_000 ? 997 : 1;
            for (int length = 0; length < files[file].Length; length += length + step < files[file].Length - 100 ? step : 1)
            {
                byte[][] cut = [.. files];
                cut[file] = files[file][..length];

                // JSON without its last line feed is the same JSON.
                bool isWhole = format != MapFormat.Csv && file == files.Length - 1 && length == files[file].Length - 1;
                if (isWhole)
                {
                    AssertSame(BootOfASmallGuest(), MapFormats.Read(format, cut));
                }
                else
                {
                    Assert.NotEmpty(Assert.Throws<InvalidInputException>(() => MapFormats.Read(format, cut)).Field);
                }
            }
        }
    }

    [Theory]
    [InlineData(MapFormat.Json)]
    [InlineData(MapFormat.Csv)]
    [InlineData(MapFormat.Bitmap)]
    public void Read_TenThousandMutations_AreRefusedWithAField_OrAreAnotherGoodMap(MapFormat format)
    {
        Random random = new(Seed(output));
        int refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            byte[][] files = format switch
            {
                MapFormat.Json => Text(Json),
                MapFormat.Csv => Text(Csv),
                _ => [[.. Cells], .. Text(Header)],
            };
            int file = random.Next(files.Length);
            files[file] = Mutate(random, files[file]);
            SharedRegionMap map;
            try
            {
                map = MapFormats.Read(format, files);
            }
            catch (InvalidInputException exception)
            {
                Assert.NotEmpty(exception.Field);
                Assert.DoesNotContain(exception.Message, char.IsControl);
                refused++;
                continue;
            }

            // What is accepted is a map like any other.
            AssertSame(map, MapFormats.Read(format, MapFormats.Write(format, map)));
        }

        Assert.InRange(refused, 5_000, 9_999);
    }

    [Theory]
    [InlineData(MapFormat.Json, "{\"schema\":\"", "a")]
    [InlineData(MapFormat.Json, "{\"", "a")]
    [InlineData(MapFormat.Json, "{\"generation\":", "1")]
    [InlineData(MapFormat.Json, "", "[")]
    [InlineData(MapFormat.Json, "{\"ram\":[", "{\"start\":\"0x0\",\"end\":\"0x1000\"},")]
    [InlineData(MapFormat.Csv, "# schema=", "a")]
    [InlineData(MapFormat.Csv, "", "\0")]
    public void Read_EndlessInput_IsRefusedInBoundedMemory(MapFormat format, string start, string rest)
    {
        using EndlessStream input = new(start, rest);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _ = Assert.Throws<InvalidInputException>(
            () => format == MapFormat.Json ? SharedRegionMapJson.Read(input, "map") : SharedRegionMapCsv.Read(input, "map"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2 << 20);
    }

    [Fact]
    public void Read_ManyRamRanges_AreRefused()
    {
        StringBuilder ram = new();
        for (int i = 0; i < 1025; i++)
        {
            _ = ram.Append(i == 0 ? "" : ",").Append("{\"start\":\"0x").Append((i * 0x2000).ToString("x")).Append("\",\"end\":\"0x")
                .Append(((i * 0x2000) + 0x1000).ToString("x")).Append("\"}");
        }

        AssertNames(MapFormat.Json, "{\"ram\":[" + ram + "]}", "ram[1024]");
    }

    private static void AssertNames(MapFormat format, string text, string field)
    {
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => ReadText(format, text));
        Assert.Equal(field, error.Field);
        Assert.Equal("map", error.Input);
    }

    private static string Spoil(string text, string good, string bad)
    {
        int at = text.IndexOf(good, StringComparison.Ordinal);
        Assert.True(at >= 0, $"the sample has no {good}");
        return good == "\n" ? text.Replace(good, bad, StringComparison.Ordinal) : text[..at] + bad + text[(at + good.Length)..];
    }

    private static byte[][] Text(string text) => [Encoding.UTF8.GetBytes(text)];

    private static SharedRegionMap ReadText(MapFormat format, string text) =>
        MapFormats.Read(format, format == MapFormat.Bitmap ? [Cells, .. Text(text)] : Text(text));

    private static byte[] Mutate(Random random, byte[] bytes)
    {
        List<byte> mutated = [.. bytes];
        for (int changes = random.Next(1, 4); changes > 0 && mutated.Count > 1; changes--)
        {
            int at = random.Next(mutated.Count);
            int length = Math.Min(random.Next(1, 12), mutated.Count - at);
            switch (random.Next(5))
            {
                case 0:
                    mutated[at] = (byte)random.Next(256);
                    break;
                case 1:
                    mutated[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    mutated.RemoveRange(at, length);
                    break;
                case 3:
                    mutated.InsertRange(random.Next(mutated.Count), mutated.GetRange(at, length));
                    break;
                default:
                    mutated.Insert(at, Syntax[random.Next(Syntax.Length)]);
                    break;
            }
        }

        return [.. mutated];
    }

    private sealed class EndlessStream(string start, string rest) : MemoryStream
    {
        private readonly byte[] _start = Encoding.UTF8.GetBytes(start);
        private readonly byte[] _rest = Encoding.UTF8.GetBytes(rest);
        private long _at;

        public override int Read(byte[] buffer, int offset, int count)
        {
            for (int i = 0; i < count; i++, _at++)
            {
                buffer[offset + i] = _at < _start.Length ? _start[_at] : _rest[(_at - _start.Length) % _rest.Length];
            }

            return count;
        }
    }
}
