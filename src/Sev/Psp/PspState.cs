using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using KvmSevVmm.Sev.Attestation;

namespace KvmSevVmm.Sev.Psp;

/// <summary>All that a platform remembers. Immutable; a command that changes it makes a new one and stores that whole.</summary>
internal sealed record PspState
{
    /// <summary>Bytes of <see cref="ChipSecret"/>.</summary>
    internal const int ChipSecretSize = 32;

    /// <summary>Bytes of a processor's identity.</summary>
    internal const int ChipIdSize = 64;

    /// <summary>False after SHUTDOWN and FACTORY_RESET, until the next INIT.</summary>
    internal required bool IsInitialized { get; init; }

    /// <summary>What the chip's keys are derived from: no command changes it.</summary>
    internal required ReadOnlyMemory<byte> ChipSecret { get; init; }

    /// <summary>The seed of a repeatable platform, or null.</summary>
    internal required string? Seed { get; init; }

    /// <summary>How often something was drawn: each draw has a stream of its own.</summary>
    internal required ulong DrawCount { get; init; }

    internal required SevFirmwareVersion Firmware { get; init; }

    internal required bool IsEncryptedStateConfigured { get; init; }

    internal required bool IsSmtEnabled { get; init; }

    internal required bool Scramble { get; init; }

    internal required TcbVersion Tcb { get; init; }

    internal required PspIdentity Identity { get; init; }

    internal static PspState Create(PspOptions options)
    {
        byte[] chipSecret = new byte[ChipSecretSize];
        OpenStream(options.Seed, "chip-secret", 0).Fill(chipSecret);
        PspKey cek = DeriveKey(chipSecret, "sev-chip-endorsement-key");
        return new PspState
        {
            IsInitialized = true,
            ChipSecret = chipSecret,
            Seed = options.Seed,
            DrawCount = 1,
            Firmware = options.Firmware,
            IsEncryptedStateConfigured = options.IsEncryptedStateConfigured,
            IsSmtEnabled = options.IsSmtEnabled,
            Scramble = options.Scramble,
            Tcb = options.Tcb,
            Identity = new PspIdentityFactory(options.Firmware).CreateSelfOwned(cek, OpenStream(options.Seed, "draw", 0)),
        };
    }

    /// <summary>The chip's key of one name.</summary>
    /// <param name="label">The name.</param>
    internal PspKey DeriveChipKey(string label) => DeriveKey(ChipSecret.Span, label);

    /// <summary>The processor's identity, 64 bytes, as GET_ID gives it and SNP reports carry it.</summary>
    internal byte[] GetChipId() => HMACSHA512.HashData(ChipSecret.Span, "chip-id"u8);

    /// <summary>Starts a stream of random bytes that no other draw has.</summary>
    /// <param name="after">This state with the draw counted.</param>
    internal IRandomSource Draw(out PspState after)
    {
        after = this with { DrawCount = DrawCount + 1 };
        return OpenStream(Seed, "draw", DrawCount);
    }

    private static IRandomSource OpenStream(string? seed, string label, ulong number)
    {
        if (seed is null)
        {
            return SystemRandomSource.Instance;
        }

        byte[] name = [.. Encoding.ASCII.GetBytes(label), .. new byte[sizeof(ulong)]];
        BinaryPrimitives.WriteUInt64LittleEndian(name.AsSpan(name.Length - sizeof(ulong)), number);
        return new SeededRandomSource(HMACSHA256.HashData(Encoding.UTF8.GetBytes(seed), name));
    }

    private static PspKey DeriveKey(ReadOnlySpan<byte> chipSecret, string label) =>
        PspKey.Create(new SeededRandomSource(HMACSHA256.HashData(chipSecret, Encoding.ASCII.GetBytes(label))));
}
