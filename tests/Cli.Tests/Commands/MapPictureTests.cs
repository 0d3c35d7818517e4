using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>Pictures of a real boot: Debian's 6.1 with KASLR in 1 GiB, simulated SEV, in the laboratory.</summary>
public sealed partial class MapPictureTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Show_OnATerminal_IsThePicture_In80Columns()
    {
        CliRunner terminal = new()
        {
            IsOutputTerminal = true,
            Environment = { ["LANG"] = "C.UTF-8", ["TERM"] = "xterm", ["NO_COLOR"] = "1" },
        };

        CliResult result = terminal.RunWith("map", "show", Boots.Kaslr);

        Boots.AssertGolden("kaslr1g.picture", result.Output);
        Assert.All(result.Output.Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    [Fact]
    public void Show_OnATerminalWithoutUtf8_UsesLetters()
    {
        CliRunner terminal = new() { IsOutputTerminal = true, Environment = { ["LANG"] = "C", ["TERM"] = "dumb" } };

        CliResult result = terminal.RunWith("map", "show", Boots.Kaslr);

        Boots.AssertGolden("kaslr1g.ascii", result.Output);
        Assert.All(result.Output, letter => Assert.True(char.IsAscii(letter) && (letter == '\n' || !char.IsControl(letter))));
    }

    [Fact]
    public void Show_OnATerminalWithColours_IsTheSameBehindThem()
    {
        CliRunner plain = new()
        {
            IsOutputTerminal = true,
            Environment = { ["LC_ALL"] = "de_DE.UTF-8", ["TERM"] = "xterm", ["NO_COLOR"] = "1" },
        };
        CliRunner colored = new() { IsOutputTerminal = true, Environment = { ["LC_ALL"] = "de_DE.UTF-8", ["TERM"] = "xterm" } };

        string output = colored.RunWith("map", "show", Boots.Kaslr).Output;

        Assert.Contains("\u001b[38;5;", output, StringComparison.Ordinal);
        Assert.All(
            output.Split('\n').Where(line => line.Contains('\u001b', StringComparison.Ordinal)),
            line => Assert.Contains("\u001b[0m", line, StringComparison.Ordinal));
        Assert.Equal(plain.RunWith("map", "show", Boots.Kaslr).Output, Escape().Replace(output, ""));
    }

    [Fact]
    public void Show_Piped_StaysTheTable() =>
        Assert.Equal(
            CliRunner.Run("map", "show", Boots.Kaslr, "--format", "table").Output, CliRunner.Run("map", "show", Boots.Kaslr).Output);

    [Fact]
    public void Show_Svg_IsXml_AndGolden()
    {
        string svg = CliRunner.Run("map", "show", Boots.Kaslr, "--console", Boots.Console, "--format", "svg").Output;

        _ = System.Xml.Linq.XDocument.Parse(svg);
        Boots.AssertGolden("kaslr1g.svg", svg);
    }

    [Fact]
    public void Show_Png_HasEveryCell()
    {
        CliResult result = CliRunner.Run("map", "show", Boots.Kaslr, "--format", "png", "--output", _directory.File("map.png"));

        Assert.Equal(0, result.ExitCode);
        Boots.AssertGolden("kaslr1g.png.txt", Cells(File.ReadAllBytes(_directory.File("map.png"))));
    }

    [Fact]
    public void Show_Html_HasNothingFromElsewhere_AndItsNumbers()
    {
        string html = CliRunner.Run("map", "show", Boots.Kaslr, "--console", Boots.Console, "--format", "html").Output;

        Assert.DoesNotContain("http://", html, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", html, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", html, StringComparison.Ordinal);
        Assert.InRange(html.Length, 10_000, 64 * 1024);
        string[] kinds = [.. JsonDocument.Parse(Element(html, "meta")).RootElement.GetProperty("kinds").EnumerateArray()
            .Select(kind => $"{kind[0].GetString()}={kind[1].GetString()}")];
        Assert.Contains("swiotlb=exact", kinds);
        Assert.Contains(".bss..decrypted=likely", kinds);

        // A log: 643 calls, and before the first of them all of RAM in one run, unreported.
        Assert.Equal(643, Numbers(Element(html, "dEvents")).Count / 4);
        Assert.Equal([262144UL << 2], Numbers(Element(html, "dRuns")));
    }

    [Fact]
    public void Show_HtmlOfAMap_HasItsRuns()
    {
        string html = CliRunner.Run("map", "show", Golden.Path("a.json"), "--format", "html").Output;

        // 0x90 private, 0x10 unreported; 0x10 shared, 0x11 private, 1 shared, 0x1e unreported.
        Assert.Equal(
            [(0x90 << 2) | 1, 0x10 << 2, (0x10 << 2) | 2, (0x11 << 2) | 1, (1 << 2) | 2, 0x1e << 2],
            Numbers(Element(html, "dRuns")));
        Assert.Empty(Element(html, "dEvents"));
    }

    [Fact]
    public void Show_HtmlOfALabelThatWouldEndTheScript_IsEscaped()
    {
        string map = Golden.Text("a.json").Replace("swiotlb", "</script><b>&", StringComparison.Ordinal);
        File.WriteAllText(_directory.File("evil.json"), map);

        string html = CliRunner.Run("map", "show", _directory.File("evil.json"), "--format", "html").Output;
        string svg = CliRunner.Run("map", "show", _directory.File("evil.json"), "--format", "svg").Output;

        Assert.DoesNotContain("</script><b>", html, StringComparison.Ordinal);
        Assert.Contains(
            "</script><b>&",
            JsonDocument.Parse(Element(html, "meta")).RootElement.GetProperty("kinds")[0][0].GetString(),
            StringComparison.Ordinal);
        _ = System.Xml.Linq.XDocument.Parse(svg);
    }

    [Fact]
    public void Show_SinglePagesOfALargeMap_AreSeen()
    {
        // One shared page in 16 GiB.
        string csv = Golden.Text("a.csv");
        string map = $"""
            # schema=kvmsev.encryption-map/1
            # mode=simulated
            # cBit=47
            # memoryBytes={16UL << 30}
            # pageSize=4096
            # generation=3
            # capturedAt=2025-01-31T23:59:59.1234567Z
            # migrationReady=true
            # privatePages={(16UL << 18) - 1}
            # sharedPages=1
            # unreportedPages=0
            # ram=0x0-0x400000000
            start,end,pages,state,label,certainty
            0x0,0x20000000,131072,private,,
            0x20000000,0x20001000,1,shared,,
            0x20001000,0x400000000,4063231,private,,

            """;
        Assert.StartsWith("# schema=", csv, StringComparison.Ordinal);
        File.WriteAllText(_directory.File("large.csv"), map);
        CliRunner terminal = new() { IsOutputTerminal = true, Environment = { ["LANG"] = "C" } };

        string picture = terminal.RunWith("map", "show", _directory.File("large.csv")).Output;
        _ = CliRunner.Run("map", "show", _directory.File("large.csv"), "--format", "png", "--output", _directory.File("map.png"));
        string svg = CliRunner.Run("map", "show", _directory.File("large.csv"), "--format", "svg").Output;

        Assert.Single(picture.Split('\n').Where(line => line.Length == 78).SelectMany(line => line[14..]), 's');
        Assert.Single(Cells(File.ReadAllBytes(_directory.File("map.png"))), 'm');
        Assert.Equal(2, svg.Split("class=\"m\"").Length - 1);
    }

    [GeneratedRegex("\u001b\\[[0-9;]*m")]
    private static partial Regex Escape();

    [GeneratedRegex("<script type=\"[a-z/]+\" id=\"(?<id>[a-zA-Z]+)\">(?<text>.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Script();

    private static string Element(string html, string id) =>
        Script().Matches(html).Single(match => match.Groups["id"].Value == id).Groups["text"].Value;

    private static List<ulong> Numbers(string packed)
    {
        using DeflateStream deflate = new(new MemoryStream(Convert.FromBase64String(packed)), CompressionMode.Decompress);
        List<ulong> numbers = [];
        ulong value = 0;
        int shift = 0;
        for (int next = deflate.ReadByte(); next >= 0; next = deflate.ReadByte())
        {
            value |= (ulong)(next & 0x7f) << shift;
            shift += 7;
            if (next < 0x80)
            {
                numbers.Add(value);
                (value, shift) = (0, 0);
            }
        }

        return numbers;
    }

    // A letter for each cell, a line for each row of cells; read with nothing of the writer's code.
    private static string Cells(byte[] png)
    {
        const int Margin = 16;
        const int CellWidth = 4;
        Assert.Equal([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], png[..8]);
        int width = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16));
        int height = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20));
        using MemoryStream data = new();
        for (int at = 8; at < png.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            if (Encoding.ASCII.GetString(png, at + 4, 4) == "IDAT")
            {
                data.Write(png, at + 8, length);
            }

            at += 12 + length;
        }

        data.Position = 0;
        using ZLibStream zlib = new(data, CompressionMode.Decompress);
        StringBuilder text = new();
        byte[] row = new byte[width + 1];
        bool wasEmpty = true;
        for (int y = 0; y < height; y++)
        {
            zlib.ReadExactly(row);
            bool isEmpty = row.AsSpan(1).IndexOfAnyExcept((byte)4) < 0;
            if (!isEmpty && wasEmpty)
            {
                for (int x = Margin; x + Margin < width; x += CellWidth)
                {
                    text.Append("upms "[row[1 + x]]);
                }

                text.Append('\n');
            }

            wasEmpty = isEmpty;
        }

        return text.ToString();
    }
}
