using System.Globalization;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Vmm.Tests.Sev;

/// <summary>
/// Writes down every command as a line, encrypts like the firmware (to noise, in place), and fails where a test wants it.
/// </summary>
internal sealed class RecordingSevCommands : ISevCommands
{
    /// <summary>The commands, one line each; host addresses are left out, they differ from run to run.</summary>
    public List<string> Transcript { get; } = [];

    /// <summary>RAM that is pinned now.</summary>
    public List<GuestMemoryRegion> Pinned { get; } = [];

    /// <summary>Every byte that was launched, in order.</summary>
    public MemoryStream Launched { get; } = new();

    /// <summary>The transcript's line (from 0) that is refused; -1 for none.</summary>
    public int RefusedLine { get; init; } = -1;

    /// <summary>Whether UNREG_REGION is refused.</summary>
    public bool RefusesUnregister { get; init; }

    public static LaunchMeasurement Measurement { get; } = LaunchMeasurement.Parse(
        [.. Enumerable.Range(0, LaunchMeasurement.Size).Select(static i => (byte)i)], "test");

    public void Initialize(SevGuestKind kind) => Record($"INIT {kind}");

    public void RegisterRegion(in GuestMemoryRegion region)
    {
        Record($"REG_REGION 0x{region.Gpa:x} +0x{region.Length:x}");
        Pinned.Add(region);
    }

    public void UnregisterRegion(in GuestMemoryRegion region)
    {
        Transcript.Add(Invariant($"UNREG_REGION 0x{region.Gpa:x} +0x{region.Length:x}"));
        if (RefusesUnregister)
        {
            throw SevCommandFailedException.FromStatus("UNREG_REGION", PspStatus.InvalidParam, "Refused by the test.");
        }

        if (!Pinned.Remove(region))
        {
            throw new InvalidOperationException("The region was not registered with exactly these values.");
        }
    }

    public uint LaunchStart(in LaunchStartRequest request)
    {
        Record($"LAUNCH_START {request.Policy} godh {request.OwnerCertificate.Length} session {request.Session.Length}");
        return 7;
    }

    public void LaunchUpdateData(in GuestPiece piece)
    {
        Record($"LAUNCH_UPDATE_DATA 0x{piece.Gpa:x} +0x{piece.Length:x}");
        Launched.Write(piece.Bytes);
        RandomNumberGenerator.Fill(piece.Bytes);
    }

    public void LaunchUpdateVmsa() => Record($"LAUNCH_UPDATE_VMSA");

    public LaunchMeasurement LaunchMeasure()
    {
        Record($"LAUNCH_MEASURE");
        return Measurement;
    }

    public void InjectSecret(TransportPacket packet, in GuestPiece target) =>
        Record($"LAUNCH_SECRET 0x{target.Gpa:x} +0x{target.Length:x}");

    public void LaunchFinish() => Record($"LAUNCH_FINISH");

    public SevGuestStatus GetGuestStatus() => throw NotExpected();

    public byte[] GetAttestationReport(ReadOnlySpan<byte> nonce) => throw NotExpected();

    public void DebugDecrypt(in GuestPiece source, Span<byte> destination) => throw NotExpected();

    public void DebugEncrypt(ReadOnlySpan<byte> source, in GuestPiece destination) => throw NotExpected();

    public SendStartResult SendStart(in SendStartRequest request) => throw NotExpected();

    public TransportPacket SendUpdateData(in GuestPiece source) => throw NotExpected();

    public void SendFinish() => throw NotExpected();

    public void SendCancel() => throw NotExpected();

    public uint ReceiveStart(in ReceiveStartRequest request) => throw NotExpected();

    public void ReceiveUpdateData(TransportPacket packet, in GuestPiece target) => throw NotExpected();

    public void ReceiveFinish() => throw NotExpected();

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static InvalidOperationException NotExpected() => new("A launch does not need this command.");

    private void Record(FormattableString line)
    {
        Transcript.Add(Invariant(line));
        if (Transcript.Count - 1 == RefusedLine)
        {
            throw SevCommandFailedException.FromStatus(Invariant(line), PspStatus.ResourceLimit, "Refused by the test.");
        }
    }
}
