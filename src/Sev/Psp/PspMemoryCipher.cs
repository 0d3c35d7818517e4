using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// A stand-in for the memory controller: AES-128 over each 16 bytes, tweaked by their address, so that the host sees ciphertext which
/// moving or copying spoils. It shows who forgot that memory is encrypted; it is no design to protect anything with.
/// </summary>
internal sealed class PspMemoryCipher : IDisposable
{
    /// <summary>Bytes of a block; addresses and lengths are multiples of it.</summary>
    internal const int BlockSize = 16;

    private readonly Aes _data = Aes.Create();
    private readonly Aes _tweak = Aes.Create();

    /// <summary>Makes the cipher of one guest.</summary>
    /// <param name="key">Two keys of 16 bytes.</param>
    internal PspMemoryCipher(ReadOnlySpan<byte> key)
    {
        _data.SetKey(key[..BlockSize]);
        _tweak.SetKey(key[BlockSize..]);
    }

    internal void Encrypt(ulong address, Span<byte> bytes) => Transform(address, bytes, isEncrypting: true);

    internal void Decrypt(ulong address, Span<byte> bytes) => Transform(address, bytes, isEncrypting: false);

    public void Dispose()
    {
        _data.Dispose();
        _tweak.Dispose();
    }

    private void Transform(ulong address, Span<byte> bytes, bool isEncrypting)
    {
        byte[] tweaks = new byte[bytes.Length];
        for (int offset = 0; offset < bytes.Length; offset += BlockSize)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(tweaks.AsSpan(offset), unchecked(address + (ulong)offset));
        }

        _tweak.EncryptEcb(tweaks, tweaks, PaddingMode.None);
        Mix(bytes, tweaks);
        if (isEncrypting)
        {
            _data.EncryptEcb(bytes, bytes, PaddingMode.None);
        }
        else
        {
            _data.DecryptEcb(bytes, bytes, PaddingMode.None);
        }

        Mix(bytes, tweaks);
    }

    private static void Mix(Span<byte> bytes, ReadOnlySpan<byte> tweaks)
    {
        for (int index = 0; index < bytes.Length; index++)
        {
            bytes[index] ^= tweaks[index];
        }
    }
}
