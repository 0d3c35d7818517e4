using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Sev;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Answers the MSR accesses that KVM leaves to user space.</summary>
public sealed class MsrHandler
{
    /// <summary>MSR_AMD64_SEV, "SEV_STATUS": which protections are active.</summary>
    public const uint SevStatusMsr = 0xC001_0131;

    private const ulong SevStatusSevEnabled = 1;
    private readonly bool _answersSevStatus;
    private readonly bool _answersMigrationControl;
    private readonly UnknownMsrPolicy _policy;
    private readonly MigrationControl _migrationControl;
    private readonly EventLog? _events;
    private readonly BoundedLog _log;
    private readonly UnknownMsrTable _unknown = new();

    /// <summary>Makes the handler of one machine.</summary>
    /// <param name="mode">The machine's mode; only a simulated SEV guest has its SEV_STATUS answered here, hardware does it itself.</param>
    /// <param name="answersMigrationControl">Whether the guest may use MSR_KVM_MIGRATION_CONTROL; otherwise it is an unknown MSR.</param>
    /// <param name="policy">What an unknown MSR gives.</param>
    /// <param name="migrationControl">The migration-control register.</param>
    /// <param name="events">The event log, or null.</param>
    /// <param name="log">For unknown MSRs.</param>
    public MsrHandler(
        SevMode mode,
        bool answersMigrationControl,
        UnknownMsrPolicy policy,
        MigrationControl migrationControl,
        EventLog? events,
        BoundedLog log)
    {
        _answersSevStatus = mode == SevMode.Simulated;
        _answersMigrationControl = answersMigrationControl;
        _policy = policy;
        _migrationControl = migrationControl;
        _events = events;
        _log = log;
    }

    /// <summary>Accesses to MSRs that neither KVM nor the monitor knows.</summary>
    public ulong UnknownAccesses => _unknown.Total;

    /// <summary>The same by MSR; the first 256 of them.</summary>
    public IReadOnlyList<UnknownMsrCount> UnknownMsrs => _unknown.ToArray();

    /// <summary>Answers a RDMSR.</summary>
    /// <param name="msr">The access in <c>kvm_run</c>; data and error are written.</param>
    /// <param name="vcpuIndex">Which vCPU.</param>
    public VcpuAction Read(ref KvmRunMsr msr, int vcpuIndex)
    {
        msr.Error = 0;
        switch (msr.Index)
        {
            case SevStatusMsr when _answersSevStatus:
                msr.Data = SevStatusSevEnabled;
                break;
            case MigrationControl.MsrIndex when _answersMigrationControl:
                msr.Data = _migrationControl.Value;
                break;
            default:
                msr.Data = 0;
                msr.Error = AnswerUnknown(msr.Index, isWrite: false, 0);
                break;
        }

        _events?.MsrRead(vcpuIndex, msr.Index, msr.Data, msr.Error != 0);
        return VcpuAction.Resume;
    }

    /// <summary>Answers a WRMSR.</summary>
    /// <param name="msr">The access in <c>kvm_run</c>; error is written.</param>
    /// <param name="vcpuIndex">Which vCPU.</param>
    public VcpuAction Write(ref KvmRunMsr msr, int vcpuIndex)
    {
        msr.Error = msr.Index switch
        {
            MigrationControl.MsrIndex when _answersMigrationControl => _migrationControl.TryWrite(msr.Data) ? (byte)0 : (byte)1,
            SevStatusMsr when _answersSevStatus => 1, // read-only
            _ => AnswerUnknown(msr.Index, isWrite: true, msr.Data),
        };
        _events?.MsrWrite(vcpuIndex, msr.Index, msr.Data, msr.Error != 0);
        return VcpuAction.Resume;
    }

    private byte AnswerUnknown(uint index, bool isWrite, ulong value)
    {
        _unknown.Count(index, isWrite);
        if (_log.MayWrite(LogEventLevel.Debug))
        {
            _log.Log.Debug("Unknown MSR {Index}, write {IsWrite}, value {Value}", index, isWrite, value);
        }

        return _policy == UnknownMsrPolicy.Ignore ? (byte)0 : (byte)1;
    }
}
