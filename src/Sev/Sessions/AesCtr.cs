using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>AES-128 in counter mode, composed of the BCL's ECB mode: it has no counter mode. Decrypting is encrypting.</summary>
/// <remarks>Source: NIST SP 800-38A, 6.5; the counter is the whole block, big-endian, as the SEV firmware counts.</remarks>
public static class AesCtr
{
    /// <summary>Bytes of a key, a block and an initialisation vector.</summary>
    public const int BlockSize = 16;

    /// <summary>Encrypts or decrypts.</summary>
    /// <param name="key">The key, 16 bytes.</param>
    /// <param name="iv">The first counter block, 16 bytes.</param>
    /// <param name="data">What to transform, of any length.</param>
    /// <returns>The result, of the same length.</returns>
    /// <exception cref="ArgumentException">Key or counter block has another length.</exception>
    public static byte[] Transform(ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv, ReadOnlySpan<byte> data)
    {
        if (key.Length != BlockSize || iv.Length != BlockSize)
        {
            throw new ArgumentException($"key and counter have {BlockSize} bytes, not {key.Length} and {iv.Length}", nameof(key));
        }

        int blocks = (data.Length + BlockSize - 1) / BlockSize;
        byte[] stream = new byte[blocks * BlockSize];
        UInt128 counter = BinaryPrimitives.ReadUInt128BigEndian(iv);
        for (int index = 0; index < blocks; index++)
        {
            BinaryPrimitives.WriteUInt128BigEndian(stream.AsSpan(index * BlockSize), unchecked(counter + (UInt128)index));
        }

        using Aes aes = Aes.Create();
        aes.SetKey(key);
        aes.EncryptEcb(stream, stream, PaddingMode.None);
        byte[] result = new byte[data.Length];
        for (int index = 0; index < result.Length; index++)
        {
            result[index] = (byte)(data[index] ^ stream[index]);
        }

        CryptographicOperations.ZeroMemory(stream);
        return result;
    }
}
