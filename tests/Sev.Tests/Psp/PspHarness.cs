using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

/// <summary>A software platform and one guest, brought into the state that a test wants; commands with parameters in order.</summary>
internal sealed class PspHarness : IDisposable
{
    internal const ulong Gpa = 0x10_0000;
    internal static readonly byte[] Data = [.. Enumerable.Range(0, 4096).Select(index => (byte)(index * 7))];
    internal static readonly byte[] Vmsa = [.. Enumerable.Range(0, 4096).Select(index => (byte)(index * 3))];
    internal static readonly byte[] Secret = [.. Enumerable.Range(0, 64).Select(index => (byte)(index + 1))];
    internal static readonly byte[] Nonce = [.. Enumerable.Range(0, 16).Select(index => (byte)index)];

    private SendStartResult? _sent;
    private TransportPacket? _packet;

    internal PspHarness(uint policy = 0, PspOptions? options = null)
    {
        Policy = new SevPolicy(policy);
        Psp = SoftwarePsp.Create(options);
        Guest = Psp.CreateGuest(static () => [Vmsa]);
        Guest.Initialize(Policy.EncryptedState ? SevGuestKind.SevEs : SevGuestKind.Sev);
    }

    internal SevPolicy Policy { get; }

    internal SoftwarePsp Psp { get; }

    internal SoftwareSevGuest Guest { get; }

    internal byte[] Memory { get; } = [.. Data];

    internal LaunchMeasurement? Measurement { get; private set; }

    internal LaunchSession? Session { get; private set; }

    /// <summary>The statuses of the table: null for the kernel's own refusal.</summary>
    internal static PspStatus? StatusOf(Action action)
    {
        try
        {
            action();
            return PspStatus.Success;
        }
        catch (SevCommandFailedException refusal)
        {
            return refusal.Status;
        }
    }

    internal static void Refused(PspStatus status, Action action) =>
        Assert.Equal(status, Assert.Throws<SevCommandFailedException>(action).Status);

    internal void Start()
    {
        Session?.Dispose();
        Session = LaunchSession.Create(Psp.ExportChain().Pdh, Policy, SystemRandomSource.Instance);
        Guest.LaunchStart(new LaunchStartRequest(Policy, Session.Godh.Bytes.ToArray(), Session.Session.Bytes.ToArray()));
    }

    internal void Update() => Guest.LaunchUpdateData(new GuestPiece(Gpa, 0, Memory));

    internal void Measure() => Measurement = Guest.LaunchMeasure();

    internal void Inject(Span<byte> target)
    {
        // Where no measurement or keys exist the state alone decides.
        LaunchMeasurement measurement = Measurement ?? LaunchMeasurement.Join(new byte[32], new byte[16]);
        using TransportKeys spare = TransportKeys.Create(SystemRandomSource.Instance);
        TransportPacket packet = LaunchSecret.Package(Session?.Keys ?? spare, measurement, Secret, SystemRandomSource.Instance);
        Guest.InjectSecret(packet, new GuestPiece(Gpa, 0, target));
    }

    internal SendStartResult SendStart(SoftwarePsp? target = null)
    {
        PdhExport export = (target ?? Psp).ExportPdh();
        byte[] chain = [.. (target ?? Psp).ExportChain().ToPlatformChain()];
        _sent = Guest.SendStart(new SendStartRequest(export.Pdh, chain, SoftwarePsp.ExportAuthority().ToBytes()));
        return _sent.Value;
    }

    internal void GoTo(SevGuestState state)
    {
        switch (state)
        {
            case SevGuestState.Uninitialized:
                return;
            case SevGuestState.LaunchUpdate:
                Start();
                return;
            case SevGuestState.LaunchSecret:
                GoTo(SevGuestState.LaunchUpdate);
                Update();
                Measure();
                return;
            case SevGuestState.Running:
                GoTo(SevGuestState.LaunchSecret);
                Guest.LaunchFinish();
                return;
            case SevGuestState.SendUpdate:
                GoTo(SevGuestState.Running);
                SendStart();
                return;
            case SevGuestState.Sent:
                GoTo(SevGuestState.SendUpdate);
                Guest.SendFinish();
                return;
            case SevGuestState.ReceiveUpdate:
                Receive();
                return;
            default:
                throw new ArgumentOutOfRangeException(nameof(state));
        }
    }

    internal void Receive()
    {
        using PspHarness source = new(Policy.Value);
        source.GoTo(SevGuestState.Running);
        SendStartResult sent = source.SendStart(Psp);
        _packet = source.Guest.SendUpdateData(new GuestPiece(Gpa, 0, source.Memory));
        Guest.ReceiveStart(new ReceiveStartRequest(sent.Policy, source.Psp.ExportPdh().Pdh, sent.Session));
    }

    internal void ReceiveData(Span<byte> target)
    {
        using TransportKeys spare = TransportKeys.Create(SystemRandomSource.Instance);
        TransportPacket packet = _packet ?? TransportPacket.Seal(PacketContext.Data, spare, Data, [], SystemRandomSource.Instance);
        Guest.ReceiveUpdateData(packet, new GuestPiece(Gpa, 0, target));
    }

    public void Dispose()
    {
        Session?.Dispose();
        Guest.Dispose();
        Psp.Dispose();
    }
}
