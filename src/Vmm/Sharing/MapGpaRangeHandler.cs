using System.Diagnostics;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Vcpus;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Answers KVM_EXIT_HYPERCALL: parses strictly, refuses what is not RAM, records, and always writes the result.</summary>
/// <remarks>
/// Nothing has to be converted before the state is recorded: with SEV and SEV-ES the C-bit is in the guest's own page tables, and in
/// the simulated mode both aliases reach the same bytes.
/// </remarks>
public sealed class MapGpaRangeHandler
{
    /// <summary>KVM_HC_MAP_GPA_RANGE, which was KVM_HC_PAGE_ENC_STATUS: the only number that KVM forwards.</summary>
    public const ulong HypercallNumber = 12;

    private readonly HypercallAbi _abi;
    private readonly SharedRegionTracker _tracker;
    private readonly bool _isOffered;
    private readonly EventLog? _events;
    private readonly BoundedLog _log;
    private readonly Lock _order = new();

    /// <summary>Makes the handler of one machine.</summary>
    /// <param name="abi">How the third argument is read.</param>
    /// <param name="isOffered">Whether the guest may make the call; KVM forwards it without a look at the feature bit.</param>
    /// <param name="tracker">Where accepted states are kept; a range outside its RAM is refused.</param>
    /// <param name="events">The event log, or null.</param>
    /// <param name="log">For refused calls.</param>
    public MapGpaRangeHandler(HypercallAbi abi, bool isOffered, SharedRegionTracker tracker, EventLog? events, BoundedLog log)
    {
        _abi = abi;
        _isOffered = isOffered;
        _tracker = tracker;
        _events = events;
        _log = log;
    }

    /// <summary>Accepted and refused calls.</summary>
    public SharingStatistics Statistics { get; } = new();

    /// <summary>Answers one call.</summary>
    /// <param name="call">The hypercall in <c>kvm_run</c>; its result is written.</param>
    /// <param name="vcpuIndex">Which vCPU called.</param>
    public VcpuAction Handle(ref KvmRunHypercall call, int vcpuIndex)
    {
        if (call.Nr != HypercallNumber || !_isOffered)
        {
            call.Ret = HypercallResult.NoSuchCall;
            return VcpuAction.Resume;
        }

        // kvm_run is mapped shared with the kernel, not with the guest: the arguments cannot change under us.
        ulong gpa = call.Arg0;
        ulong pages = call.Arg1;
        ulong attributes = call.Arg2;

        bool isAccepted = MapGpaRangeRequest.TryParse(
            gpa, pages, attributes, _abi, out MapGpaRangeRequest request, out MapGpaRangeError error);
        if (isAccepted && !_tracker.IsRam(request.Range))
        {
            isAccepted = false;
            error = MapGpaRangeError.OutsideMemory;
        }

        call.Ret = isAccepted ? HypercallResult.Success : HypercallResult.InvalidArgument;

        // One lock over both: the log, replayed, gives the map, whichever vCPUs call at once.
        lock (_order)
        {
            if (isAccepted)
            {
                _tracker.Set(request.Range, request.State, vcpuIndex, Stopwatch.GetTimestamp());
            }

            _events?.MapGpaRange(vcpuIndex, gpa, pages, attributes, unchecked((long)call.Ret));
        }

        if (isAccepted)
        {
            Statistics.CountAccepted();
        }
        else
        {
            Reject(gpa, pages, attributes, error);
        }

        return VcpuAction.Resume;
    }

    private void Reject(ulong gpa, ulong pages, ulong attributes, MapGpaRangeError error)
    {
        Statistics.CountRejected(error);
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning(
                "Rejected hypercall: GPA {Gpa}, {PageCount} pages, attributes {Attributes}: {Cause}",
                new Gpa(gpa),
                pages,
                attributes,
                MapGpaRangeRequest.Describe(error));
        }
    }
}
