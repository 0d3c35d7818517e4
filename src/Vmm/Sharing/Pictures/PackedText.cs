using System.IO.Compression;
using System.Security.Cryptography;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>Writes numbers into a page: seven bits a byte, compressed (raw deflate), as base64. Holds nothing but buffers.</summary>
internal sealed class PackedText : IDisposable
{
    private readonly CryptoStream _text;
    private readonly DeflateStream _deflate;
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _used;

    /// <summary>Begins.</summary>
    /// <param name="output">Takes ASCII; stays open.</param>
    public PackedText(Stream output)
    {
        _text = new CryptoStream(output, new ToBase64Transform(), CryptoStreamMode.Write, leaveOpen: true);
        _deflate = new DeflateStream(_text, CompressionLevel.Optimal, leaveOpen: true);
    }

    /// <summary>Appends a number.</summary>
    public void Add(ulong value)
    {
        if (_used > _buffer.Length - 10)
        {
            Flush();
        }

        while (value >= 0x80)
        {
            _buffer[_used++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _buffer[_used++] = (byte)value;
    }

    /// <summary>Appends a number that can be negative.</summary>
    public void AddSigned(long value) => Add((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>Writes what is left.</summary>
    public void Dispose()
    {
        Flush();
        _deflate.Dispose();
        _text.Dispose();
    }

    private void Flush()
    {
        _deflate.Write(_buffer, 0, _used);
        _used = 0;
    }
}
