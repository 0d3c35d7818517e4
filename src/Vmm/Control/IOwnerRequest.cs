using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Something that a client wants of a launch that waits.</summary>
internal interface IOwnerRequest
{
    /// <summary>Does what was asked for.</summary>
    /// <param name="launch">The launch.</param>
    /// <returns>True when the guest may run.</returns>
    bool Perform(MeasuredLaunch launch);

    /// <summary>Answers what came too late: the launch waits no more.</summary>
    /// <param name="mayRun">Whether it waits no more because the guest may run.</param>
    void AnswerLate(bool mayRun);
}
