using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>Writes a PNG image whose pixels are numbers of a palette, row by row.</summary>
/// <remarks>Source: PNG specification (third edition), 5 and 11: the chunks IHDR, PLTE, tEXt, IDAT, IEND.</remarks>
internal static class IndexedPng
{
    private static readonly uint[] CrcTable = MakeCrcTable();

    /// <summary>Writes an image.</summary>
    /// <param name="output">Where to; stays open.</param>
    /// <param name="width">Pixels of a row.</param>
    /// <param name="rows">The rows, each of <paramref name="width"/> palette numbers.</param>
    /// <param name="height">How many rows there are.</param>
    /// <param name="palette">Colours as 0xRRGGBB, at most 256.</param>
    /// <param name="description">What it shows, Latin-1.</param>
    public static void Write(Stream output, int width, IEnumerable<byte[]> rows, int height, ReadOnlySpan<int> palette, string description)
    {
        output.Write([0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1a, (byte)'\n']);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8; // bits a pixel
        header[9] = 3; // palette
        WriteChunk(output, "IHDR"u8, header);
        byte[] colors = new byte[palette.Length * 3];
        for (int i = 0; i < palette.Length; i++)
        {
            colors[3 * i] = (byte)(palette[i] >> 16);
            colors[(3 * i) + 1] = (byte)(palette[i] >> 8);
            colors[(3 * i) + 2] = (byte)palette[i];
        }

        WriteChunk(output, "PLTE"u8, colors);
        WriteChunk(output, "tEXt"u8, Encoding.Latin1.GetBytes("Description\0" + description));
        using MemoryStream compressed = new();
        using (ZLibStream zlib = new(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            foreach (byte[] row in rows)
            {
                zlib.WriteByte(0); // no filter: rows of equal pixels are what deflate is best at
                zlib.Write(row);
            }
        }

        WriteChunk(output, "IDAT"u8, compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
        WriteChunk(output, "IEND"u8, []);
    }

    private static void WriteChunk(Stream output, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        output.Write(word);
        output.Write(type);
        output.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(word, ~Crc(Crc(uint.MaxValue, type), data));
        output.Write(word);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (byte value in data)
        {
            crc = CrcTable[(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return crc;
    }

    private static uint[] MakeCrcTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value & 1) != 0 ? 0xedb88320 ^ (value >> 1) : value >> 1;
            }

            table[i] = value;
        }

        return table;
    }
}
