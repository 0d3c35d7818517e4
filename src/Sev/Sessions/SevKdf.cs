using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>The key derivation of SEV: SP 800-108 in counter mode with HMAC-SHA-256, counter and length little-endian.</summary>
/// <remarks>Source: AMD SEV API 55766, key derivation. The BCL's SP 800-108 writes both numbers big-endian, as the standard says.</remarks>
public static class SevKdf
{
    /// <summary>Derives a key.</summary>
    /// <param name="key">The key to derive from, of any length.</param>
    /// <param name="label">What the key is for, ASCII.</param>
    /// <param name="context">What else goes into it; may be empty.</param>
    /// <param name="size">Bytes of the result.</param>
    public static byte[] Derive(ReadOnlySpan<byte> key, string label, ReadOnlySpan<byte> context, int size)
    {
        byte[] name = Encoding.ASCII.GetBytes(label);
        byte[] message = new byte[sizeof(uint) + name.Length + 1 + context.Length + sizeof(uint)];
        name.CopyTo(message, sizeof(uint));
        context.CopyTo(message.AsSpan(sizeof(uint) + name.Length + 1));
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(message.Length - sizeof(uint)), (uint)size * 8);
        byte[] derived = new byte[size];
        Span<byte> block = stackalloc byte[HMACSHA256.HashSizeInBytes];
        for (int offset = 0, counter = 1; offset < size; offset += block.Length, counter++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)counter);
            HMACSHA256.HashData(key, message, block);
            block[..Math.Min(block.Length, size - offset)].CopyTo(derived.AsSpan(offset));
        }

        CryptographicOperations.ZeroMemory(block);
        return derived;
    }
}
