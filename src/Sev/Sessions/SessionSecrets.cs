using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>
/// What both sides of a session derive from the Diffie-Hellman secret: KEK encrypts the transport keys, KIK authenticates them.
/// Disposing wipes them.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, trusted channel establishment.</remarks>
public sealed class SessionSecrets : IDisposable
{
    private const int KeySize = 16;

    private readonly byte[] _master;
    private readonly byte[] _kek;
    private readonly byte[] _kik;

    private SessionSecrets(byte[] master)
    {
        _master = master;
        _kek = SevKdf.Derive(master, "sev-kek", [], KeySize);
        _kik = SevKdf.Derive(master, "sev-kik", [], KeySize);
    }

    /// <summary>The master secret, 16 bytes.</summary>
    public ReadOnlySpan<byte> Master => _master;

    /// <summary>The key encryption key, 16 bytes.</summary>
    public ReadOnlySpan<byte> Kek => _kek;

    /// <summary>The key integrity key, 16 bytes.</summary>
    public ReadOnlySpan<byte> Kik => _kik;

    /// <summary>Derives the keys from the raw Diffie-Hellman secret.</summary>
    /// <param name="sharedX">The x coordinate that both sides share, big-endian, padded to the curve's size.</param>
    /// <param name="nonce">The session's nonce, 16 bytes.</param>
    public static SessionSecrets Derive(ReadOnlySpan<byte> sharedX, ReadOnlySpan<byte> nonce) =>
        new(SevKdf.Derive(sharedX, "sev-master-secret", nonce, KeySize));

    /// <summary>Agrees on the secret with the other side and derives the keys.</summary>
    /// <param name="ownKey">One's own private key.</param>
    /// <param name="otherKey">The other side's public key, on the same curve.</param>
    /// <param name="nonce">The session's nonce, 16 bytes.</param>
    /// <exception cref="CryptographicException">The other key is no point on the curve.</exception>
    public static SessionSecrets Agree(ECDiffieHellman ownKey, in ECParameters otherKey, ReadOnlySpan<byte> nonce)
    {
        using ECDiffieHellman other = ECDiffieHellman.Create(new ECParameters { Curve = otherKey.Curve, Q = otherKey.Q });
        using ECDiffieHellmanPublicKey publicKey = other.PublicKey;
        byte[] sharedX = ownKey.DeriveRawSecretAgreement(publicKey);
        SessionSecrets secrets = Derive(sharedX, nonce);
        CryptographicOperations.ZeroMemory(sharedX);
        return secrets;
    }

    /// <summary>Wraps transport keys into a session.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="nonce">The nonce from which these secrets were derived, 16 bytes.</param>
    /// <param name="wrapIv">A fresh counter block, 16 bytes.</param>
    /// <param name="policy">The guest's policy.</param>
    public SessionBlob Wrap(TransportKeys keys, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> wrapIv, uint policy)
    {
        byte[] wrapped = AesCtr.Transform(_kek, wrapIv, keys.Combined);
        byte[] wrapMac = HMACSHA256.HashData(_kik, wrapped);
        return SessionBlob.Join(nonce, wrapped, wrapIv, wrapMac, GetPolicyMac(keys, policy));
    }

    /// <summary>Takes the transport keys out of a session.</summary>
    /// <param name="session">The session.</param>
    /// <returns>The keys, or null when WRAP_MAC does not match: nothing was decrypted then.</returns>
    public TransportKeys? Unwrap(SessionBlob session)
    {
        byte[] expected = HMACSHA256.HashData(_kik, session.WrappedKeys);
        if (!CryptographicOperations.FixedTimeEquals(expected, session.WrapMac))
        {
            return null;
        }

        byte[] combined = AesCtr.Transform(_kek, session.WrapIv, session.WrappedKeys);
        TransportKeys keys = new(combined.AsSpan(0, TransportKeys.KeySize), combined.AsSpan(TransportKeys.KeySize));
        CryptographicOperations.ZeroMemory(combined);
        return keys;
    }

    /// <summary>The keyed hash of a policy, 32 bytes.</summary>
    /// <param name="keys">The transport keys; the TIK is used.</param>
    /// <param name="policy">The guest's policy.</param>
    public static byte[] GetPolicyMac(TransportKeys keys, uint policy)
    {
        Span<byte> message = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(message, policy);
        return HMACSHA256.HashData(keys.Tik, message);
    }

    /// <summary>Wipes the keys.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_master);
        CryptographicOperations.ZeroMemory(_kek);
        CryptographicOperations.ZeroMemory(_kik);
    }
}
